"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.errors import Refused, UsageError

if TYPE_CHECKING:
    from shredder.plan import Options
    from shredder.run.work import Sweeping, Work

_CHALLENGE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration; else SHREDDER_CONFIG, else ./shredder.toml.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
LogJson = Annotated[
    str | None,
    typer.Option("--log-json", metavar="FILE", help="Log JSON lines to a file; - is stderr."),
]
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Its name in the configuration.")]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="VERDICT",
        help="Also destroy `likely` or `maybe` holdings; repeatable.",
    ),
]
Dismiss = Annotated[
    list[str] | None,
    typer.Option(
        "--dismiss",
        metavar="VERDICT",
        help="Rule that `likely` or `maybe` holdings are not the dataset's; repeatable.",
    ),
]
MixedOption = Annotated[
    str,
    typer.Option(
        "--mixed",
        metavar="leave|whole",
        help="Mixed holdings that cannot be rewritten: leave them, or destroy them whole.",
    ),
]
SealedOption = Annotated[
    str,
    typer.Option(
        "--sealed",
        metavar="destroy|by-key",
        help="What is sealed: destroy each where it lies, or leave all to the key's end.",
    ),
]
Record = Annotated[
    list[str] | None,
    typer.Option("--record", metavar="ID", help="Only the record of this identifier; repeatable."),
]
RecordList = Annotated[
    Path | None,
    typer.Option("--records", metavar="FILE", help="Only the records that it names, a line each."),
]
DespiteGaps = Annotated[
    bool,
    typer.Option("--despite-gaps", help="Destroy what was found though not all could be examined."),
]

Full = Annotated[
    bool, typer.Option("--full", help="Read again what is proved unchanged since the last sweep.")
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=0, help="Processes that examine; 0: one a processor."
    ),
]
Dask = Annotated[
    str,
    typer.Option("--dask", metavar="ADDRESS", help="Examine on this scheduler's Dask cluster."),
]


def sweeping(*, full: bool, workers: int, dask: str) -> Sweeping:
    """The operator's choices of how to sweep. Raises UsageError."""
    from shredder.run.work import Sweeping

    if dask and workers:
        raise UsageError("--workers and --dask are two ways to do the same", hint="leave one out")
    return Sweeping(full, workers, dask)


def decided(
    include: Sequence[str] | None,
    dismiss: Sequence[str] | None,
    mixed: str,
    *,
    despite_gaps: bool,
    sealed: str,
) -> Options:
    """The operator's decisions. Raises UsageError for a word that is none."""
    from backends.contract import Verdict
    from shredder.plan import Mixed, Options, Sealed

    undecided = {v.value: v for v in (Verdict.LIKELY, Verdict.MAYBE)}
    for word in (*(include or ()), *(dismiss or ())):
        if word not in undecided:
            raise UsageError(f"{word!r} is not a verdict to decide on: likely or maybe")
    if both := set(include or ()) & set(dismiss or ()):
        raise UsageError(f"{min(both)!r} cannot be both included and dismissed")
    if mixed not in {m.value for m in Mixed}:
        raise UsageError(f"--mixed is leave or whole, not {mixed!r}")
    if sealed not in {s.value for s in Sealed}:
        raise UsageError(f"--sealed is destroy or by-key, not {sealed!r}")
    return Options(
        include=frozenset(undecided[word] for word in include or ()),
        dismiss=frozenset(undecided[word] for word in dismiss or ()),
        mixed=Mixed(mixed),
        despite_gaps=despite_gaps,
        sealed=Sealed(sealed),
    )


def check_challenge(challenge: str) -> None:
    """Refuse a challenge that no statement can hold."""
    if challenge and not _CHALLENGE.fullmatch(challenge):
        raise UsageError("a challenge has up to 64 letters, digits, dots, dashes, underscores")


def check_window(text: str) -> None:
    """Refuse what are no hours of a day."""
    from shredder.run.window import Window

    if text:
        Window.parse(text)


def check_actor(role: str, reference: str) -> None:
    """Refuse a role and a staff reference that no statement can hold."""
    from shredder.statable import not_a_code, not_an_identifier

    for option, trouble in (
        ("--by-role", not_a_code(role)),
        ("--reference", not_an_identifier(reference)),
    ):
        if trouble:
            raise UsageError(f"{option} {trouble}")


def refuse_held(work: Work, dataset: str) -> None:
    """Refuse a dataset under hold before any store is asked for anything."""
    from shredder.run.execute import held

    work.dataset(dataset)
    if reason := held(work, dataset):
        raise Refused(
            f"dataset {dataset} must not be destroyed: {reason}",
            hint=f"see [datasets.{dataset}.hold] in the configuration",
        )


def records(given: Sequence[str] | None, path: Path | None) -> list[str]:
    """The records that the command line names; none: it is about all. Raises UsageError."""
    names = list(given or ())
    if path is not None:
        try:
            names += path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or "it is not UTF-8"
            raise UsageError(f"{path} cannot be read: {why}") from None
    names = [name.strip() for name in names]
    if (given or path) and not (names and all(names)):
        raise UsageError("a record has an empty name, or there is none at all")
    return names


def selected(work: Work, dataset: str, chosen: Sequence[str], decisions: Options) -> str:
    """The name of what is to go: the dataset's, or that of records that were chosen of it.

    Raises UsageError where a decision is about the dataset's key and chosen records are to go.
    """
    from shredder.config.names import whole
    from shredder.plan import Sealed

    if decisions.sealed is not Sealed.DESTROY and (chosen or dataset != whole(dataset)):
        raise UsageError(
            "--sealed by-key ends the dataset's key, and chosen records go without it",
            hint="leave it out; keys of the records' own go with them anyway",
        )
    if not chosen:
        return dataset
    from shredder.selection import select

    return select(work, dataset, chosen)
