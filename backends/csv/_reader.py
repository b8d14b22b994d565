"""Delimited files: read record by record, and judged whether they can be parted safely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from backends.content import Reading, Sink, examine_stream
from backends.contract import Destruction, Matcher, Technique
from backends.csv import _gzip, _rewrite
from backends.csv._guard import Guard
from backends.delimited import Format, detect
from backends.errors import SettingError
from backends.files.reader import Content, Task


@dataclass(frozen=True, slots=True)
class CsvReader:
    """See :class:`backends.files.reader.Reader`."""

    encoding: str = ""
    delimiter: str = ""

    @property
    def kind(self) -> str:
        """The backend's name."""
        return "csv"

    @property
    def techniques(self) -> frozenset[Technique]:
        """Both."""
        return frozenset({Technique.OVERWRITE, Technique.REWRITE_WITHOUT_RECORDS})

    def detect(self, file: BinaryIO) -> Format | None:
        """Return the format of a file, always the same for the same content."""
        return detect(file, encoding=self.encoding, delimiter=self.delimiter)

    def read(self, file: BinaryIO, matcher: Matcher, *, digested: bool) -> Content:
        """Read a file."""
        form = self.detect(file)
        if form is None:
            reading = examine_stream(file, matcher, digested=digested)
            return Content(reading, obstacle="not-delimited")
        guard = Guard(form)
        reading = self.pass_over(file, matcher, form, guard.watch, digested=digested)
        obstacle = guard.problem or self.obstacle(file, reading, form)
        if obstacle:
            return Content(reading, obstacle=obstacle)
        return Content(reading, Technique.REWRITE_WITHOUT_RECORDS)

    def pass_over(
        self,
        file: BinaryIO,
        matcher: Matcher,
        form: Format,
        sink: Sink,
        *,
        promoted: bool = False,
        digested: bool = True,
    ) -> Reading:
        """Read a file in a format that is known."""
        file.seek(0)
        return examine_stream(
            file,
            matcher,
            dialect=form.dialect,
            encoding=form.encoding,
            sink=sink,
            promoted=promoted,
            digested=digested,
        )

    def obstacle(self, file: BinaryIO, reading: Reading, form: Format) -> str:
        """Return the code of what stands against parting a file that was read; or nothing."""
        if reading.reason:
            return reading.reason
        if reading.texts != 1 or reading.layers != (("gzip",) if form.gzip else ()):
            return "not-delimited"
        if form.gzip and _gzip.header(file) is None:
            return "gzip-extra-field"
        return "" if reading.regular else "irregular-dialect"

    def rewrite(self, task: Task) -> Destruction:
        """Take the records out of a file."""
        return _rewrite.rewrite(task, self)


def from_settings(name: str, settings: Mapping[str, object]) -> CsvReader:
    """Return a reader for a store's settings. Raises SettingError."""
    encoding = str(settings.get("encoding", ""))
    delimiter = str(settings.get("delimiter", ""))
    if encoding and not _is_text_encoding(encoding):
        raise SettingError(
            f"store {name}: `encoding` names no text encoding", hint="for example cp1252"
        )
    if delimiter and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"\0'):
        raise SettingError(
            f"store {name}: `delimiter` is one ASCII character", hint='a tab is "\\t"'
        )
    return CsvReader(encoding, delimiter)


def _is_text_encoding(name: str) -> bool:
    try:
        b"x".decode(name, "replace")
    except LookupError:  # there is none of the name, or one from bytes to bytes
        return False
    return True
