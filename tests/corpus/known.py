"""What is not recognised yet, by axis and name: this must shrink to nothing.

A test holds that everything else is recognised, and that nothing stands here any longer than it
has to: what is found nearly always must be taken off the list.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.corpus.judge import Answer

NOT_YET: Mapping[str, frozenset[str]] = {
    "store": frozenset(),
    "evidence": frozenset(),
    "format": frozenset(
        {"pg-dump-custom", "pickle-dicts", "pickle-tuples", "sqlite-deleted", "vim-swap"},
    ),
    "encoding": frozenset(),
    "wrapper": frozenset(),
}


def reasons(answer: Answer) -> list[tuple[str, str]]:
    """Return what of a case is on the list."""
    case = answer.case
    named = {
        "store": answer.store, "evidence": case.evidence, "format": case.format, "encoding": case.file.encoding,
        "wrapper": case.file.wrapper,
    }  # fmt: skip
    return [(axis, name) for axis, name in named.items() if name in NOT_YET[axis]]
