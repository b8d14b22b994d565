"""The annex of a run: the names behind the references of its statement, in a private file.

It is durable before the statement that names its digest is signed. Its name has the digest in
it, so that a second proposal does not take away what the first one committed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from attestations import Actor, Annex, AttestationError
from attestations.text import sha256
from shredder import durable
from shredder.errors import Refused, UsageError
from shredder.names import load_names
from shredder.run.work import Work


def annex_files(work: Work, run: str) -> Iterator[Path]:
    """Every annex that was written for a run, also what a crash left half-written."""
    yield from sorted(work.state.run(run).glob("annex-*.json*"))


def wanted_names(work: Work, actors: Iterable[Actor]) -> dict[str, str]:
    """The names of those who act, and of the validators, by reference; none without a file.

    Raises UsageError for a reference without a name.
    """
    if work.config.names is None:
        return {}
    names = load_names(work.config.names)
    known = {**names.validators, **names.people}
    references = dict.fromkeys([*(each.reference for each in actors), *names.validators])
    for reference in references:
        if reference not in known:
            raise UsageError(
                f"the file of names {work.config.names} has no name for {reference}",
                hint="add it below [names]",
            )
    return {reference: known[reference] for reference in references}


def write_annex(work: Work, run: str, actors: Iterable[Actor]) -> str | None:
    """Write the names of those who act, and of the validators; returns the file's digest.

    None without a file of names. An annex of the same names that stands is taken. Raises what
    `wanted_names` raises.
    """
    wanted = wanted_names(work, actors)
    if not wanted:
        return None
    for path in annex_files(work, run):
        if (data := _read(path, run, wanted)) is not None:
            return sha256(data)
    data = Annex.new(run, wanted).to_bytes()
    digest = sha256(data)
    durable.write(_path(work, run, digest), [data])
    return digest


def check_annex_stands(work: Work, run: str, digest: str | None) -> None:
    """Refuse to go on with a statement whose annex is gone or has changed."""
    if digest is None:
        return
    try:
        found = sha256(_path(work, run, digest).read_bytes())
    except FileNotFoundError:
        found = ""
    if found != digest:
        raise Refused(
            f"the annex of names of run {run} has changed since it was committed to",
            hint="propose the plan again with `shredder propose`, and have it approved",
        )


def _path(work: Work, run: str, digest: str) -> Path:
    return work.state.run(run) / f"annex-{digest.removeprefix('sha256:')[:16]}.json"


def _read(path: Path, run: str, wanted: dict[str, str]) -> bytes | None:
    """A file's bytes, if it is an annex of these names."""
    try:
        data = path.read_bytes()
        annex = Annex.from_bytes(data)
    except (OSError, AttestationError):
        return None
    same = (annex.attestation_id, annex.by_reference()) == (run, wanted)
    return data if same and path.stem.endswith(sha256(data)[7:23]) else None
