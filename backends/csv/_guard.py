"""What makes it unsafe to take records out of a delimited text."""

from __future__ import annotations

from itertools import pairwise

from backends.content import Block, fields_of, has_inner_break
from backends.contract import RecordClass
from backends.delimited import Format

_OURS = {RecordClass.RECORD, RecordClass.TRACE}
_REPLACEMENT = "\ufffd".encode()


class Guard:
    """Watches the text go by for what would make taking records out of it unsafe."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self.problem = "" if _reversible(form.encoding) else "irregular-encoding"

    def watch(self, block: Block, classes: bytes) -> None:
        """Look at a block and the classes of its records."""
        if self.problem:
            return
        if self._form.encoding and _REPLACEMENT in block.data:
            self.problem = "irregular-encoding"  # it would not be the same bytes again
        elif not block.regular:
            self.problem = "irregular-dialect"
        elif not _OURS.isdisjoint(classes) and self._form.dialect.quote in block.data:
            self._look_at_long_ones(block, classes)

    def _look_at_long_ones(self, block: Block, classes: bytes) -> None:
        """A record of several lines must have as many fields as the others.

        Two stray quote marks can make one record of two people's: nothing else tells.
        """
        for (start, end), kind in zip(pairwise([0, *block.ends]), classes, strict=True):
            if kind in _OURS:
                record = block.data[start:end]
                if has_inner_break(record) and (
                    len(fields_of(record, self._form.dialect)) != self._form.fields
                ):
                    self.problem = "irregular-dialect"
                    return


def _reversible(encoding: str) -> bool:
    """Whether text decoded without a replacement character encodes to the same bytes again."""
    if not encoding or encoding.startswith(("utf-16", "utf-32")):
        return True
    every = bytes(range(256))
    try:
        return every.decode(encoding).encode(encoding) == every
    except UnicodeError:
        return False
