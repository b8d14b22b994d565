"""The judge's report: recall and false positives, as tables of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.corpus.judge import EXACT, Answer

AXES: dict[str, Callable[[Answer], str]] = {
    "store": lambda a: a.store,
    "format": lambda a: a.case.format,
    "encoding": lambda a: a.case.file.encoding or "(binary)",
    "wrapper": lambda a: a.case.file.wrapper,
    "evidence": lambda a: a.case.evidence,
    "schema": lambda a: a.case.schema,
    "rows": lambda a: a.case.notes[0],
    "foreign": lambda a: a.case.notes[2],
}


@dataclass(frozen=True, slots=True)
class Totals:
    """The judge's figures."""

    decidable: int
    found: int
    silent: int  # of those not found: no verdict, and no gap either
    undecidable: int
    overclaimed: int  # undecidable copies called one; no error by itself
    decoys: int
    false: int
    counted: int  # copies in formats of records, each with its identifier
    miscounted: int
    mixed: int  # copies found among others' records
    mixed_unseen: int
    claimed: int  # records of others, told as the dataset's
    errors: int

    @property
    def recall(self) -> float:
        return self.found / self.decidable if self.decidable else 1.0


def miscounted(answer: Answer) -> bool:
    """Whether the number of records is not that planted, where it can be told exactly."""
    return countable(answer) and answer.records != _planted(answer)


def countable(answer: Answer) -> bool:
    truth, form = answer.case.truth, answer.case.format
    return bool(answer.found and truth and truth.countable and form in EXACT)


def _planted(answer: Answer) -> int:
    assert answer.case.truth is not None
    return answer.case.truth.records


def totals(answers: Sequence[Answer]) -> Totals:
    copies = [a for a in answers if a.case.truth]
    decidable = [a for a in copies if a.case.evidence]
    decoys = [a for a in answers if not a.case.truth]
    return Totals(
        decidable=len(decidable),
        found=sum(a.found for a in decidable),
        silent=sum(a.silent for a in decidable),
        undecidable=len(copies) - len(decidable),
        overclaimed=sum(a.found for a in copies if not a.case.evidence),
        decoys=len(decoys),
        false=sum(a.false for a in decoys),
        counted=sum(map(countable, copies)),
        miscounted=sum(map(miscounted, copies)),
        mixed=sum(
            a.verdict != "none" and bool(a.case.truth and a.case.truth.foreign) for a in copies
        ),
        mixed_unseen=sum(a.mixed_unseen for a in copies),
        claimed=sum(a.claimed for a in copies),
        errors=sum(bool(a.error) for a in answers),
    )


def lines(answers: Sequence[Answer], *, misses: int) -> Iterable[str]:
    """Yield the report; of the misses as many as asked for."""
    decidable = [a for a in answers if a.case.evidence]
    for axis, value in AXES.items():
        yield from _table(axis, decidable, value, "decidable", "found", lambda a: a.found)
    decoys = [a for a in answers if not a.case.truth]
    yield from _table("decoys", decoys, lambda a: a.case.kind, "judged", "false", lambda a: a.false)
    yield ""
    for title, chosen in (
        ("missed", [a for a in decidable if not a.found]),
        ("false", [a for a in decoys if a.false]),
        ("miscounted", [a for a in answers if miscounted(a)]),
        ("mixed, and told as unmixed", [a for a in answers if a.mixed_unseen]),
        ("others' records claimed", [a for a in answers if a.claimed]),
        ("errors", [a for a in answers if a.error]),
    ):
        if chosen:
            yield f"{title}: {len(chosen)}"
        yield from (f"  {said(answer)}" for answer in chosen[:misses])
    yield from summary(totals(answers))


def _table(
    axis: str,
    answers: Sequence[Answer],
    value: Callable[[Answer], str],
    of: str,
    what: str,
    hit: Callable[[Answer], bool],
) -> Iterable[str]:
    yield ""
    yield f"{axis:28}{of:>10}{what:>10}"
    for name in sorted({value(a) for a in answers}):
        these = [a for a in answers if value(a) == name]
        hits = sum(map(hit, these))
        yield f"{name:28}{len(these):10}{hits:10}  {hits / len(these):.3f}"


def said(answer: Answer) -> str:
    """Return one case and its answer in a line, beginning with what makes it again."""
    case = answer.case
    made = f"--seed {case.seed} --case {case.name}"
    what = "/".join(
        filter(None, (answer.store, case.kind, case.format, case.file.encoding, case.file.wrapper))
    )
    truth = ""
    if case.truth:
        truth = f"{case.evidence or 'undecidable'}, {case.truth.records}+{case.truth.foreign}"
    told = f"{answer.verdict} {answer.records}+{answer.foreign} {answer.gap}{answer.error}"
    return f"{made}  {what}  {case.schema}: {truth} -> {told}"


def summary(t: Totals) -> Iterable[str]:
    yield ""
    yield f"decidable copies     {t.decidable:6}   called copy  {t.found:6}   recall {t.recall:.4f}"
    yield f"                               unseen, no gap {t.silent:5}"
    yield f"undecidable copies   {t.undecidable:6}   called copy  {t.overclaimed:6}"
    yield f"decoys               {t.decoys:6}   called copy  {t.false:6}"
    yield f"copies counted       {t.counted:6}   miscounted   {t.miscounted:6}"
    yield f"mixed holdings       {t.mixed:6}   told unmixed {t.mixed_unseen:6}"
    yield f"others' records told as the dataset's {t.claimed:13}"
    yield f"errors               {t.errors:6}"
