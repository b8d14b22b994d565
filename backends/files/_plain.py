"""Files as wholes: no record is ever taken out of one."""

from __future__ import annotations

from typing import BinaryIO

from backends.content import examine_stream
from backends.contract import Destruction, Matcher, Result, Technique
from backends.files.reader import Content, Task


class PlainReader:
    """See :class:`backends.files.reader.Reader`."""

    kind = "files"
    techniques = frozenset({Technique.OVERWRITE})

    def read(self, file: BinaryIO, matcher: Matcher, *, digested: bool) -> Content:
        """Read a file."""
        reading = examine_stream(file, matcher, digested=digested)
        return Content(reading, obstacle="no-record-rewrite")

    def rewrite(self, task: Task) -> Destruction:
        """Refuse."""
        return Destruction(task.order.id, Result.FAILED, reason="no-record-rewrite")
