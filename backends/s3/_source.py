"""An object as a source: delimited text with a header, plain or gzipped."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import clevercsv
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from backends.errors import SourceError
from backends.s3._bucket import Bucket
from backends.s3._errors import is_gone, speaking, translated
from backends.s3._model import locator

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_SAMPLE = 16 << 10  # bytes looked at to tell the encoding and the dialect
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ObjectRows:
    """The records of one object; see :class:`backends.contract.SourceRows`. Read once."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._where = bucket.where
        self.locator = locator(bucket.name, key)
        raw = io.BufferedReader(_Body(_open(bucket, key)), _SAMPLE)
        plain: io.BufferedReader[Any] = raw
        if raw.peek(2)[:2] == b"\x1f\x8b":
            plain = io.BufferedReader(cast("Any", gzip.GzipFile(fileobj=raw)), _SAMPLE)
        with self._reading():
            sample = plain.peek(_SAMPLE)
        encoding = next((name for mark, name in _MARKS if sample.startswith(mark)), "utf-8")
        text = io.TextIOWrapper(plain, encoding, newline="")
        self._rows = csv.reader(text, _dialect(sample.decode(encoding, "ignore")), strict=True)
        self._names: tuple[str, ...] = ()
        with self._reading():
            self._names = tuple(name.strip() for name in next(self._rows, []))
        if not self._names:
            raise SourceError(f"{self._where}: the source is empty: it has no header")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the first row."""
        return self._names

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """Yield each record; raises SourceError if it has more or fewer fields than the header."""
        rows = iter(self._rows)
        while True:
            with self._reading():
                row = next(rows, None)
            if row is None:
                return
            if not row:  # a blank line
                continue
            if len(row) != len(self._names):
                raise SourceError(
                    f"{self._where}: a row of the source does not have the header's "
                    f"{len(self._names)} columns (line {self._rows.line_num})",
                    hint="is it delimited text with one header row?",
                )
            yield tuple(row)

    def _reading(self) -> _Reading:
        return _Reading(self._where)


class _Reading:
    """Turns what reading raises into the project's errors."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, UnicodeDecodeError | csv.Error | EOFError | gzip.BadGzipFile):
            raise SourceError(
                f"{self._where}: the source cannot be read as delimited text",
                hint="UTF-8, or UTF-16 and UTF-32 with a byte order mark; gzip is opened",
            ) from None
        if isinstance(error, BotoCoreError | ClientError | HTTPError | OSError):
            raise translated(error, self._where) from None


class _Body(io.RawIOBase):
    """A body as the raw stream that BufferedReader wants."""

    def __init__(self, body: StreamingBody) -> None:
        super().__init__()
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data: bytes = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _open(bucket: Bucket, key: str) -> StreamingBody:
    with speaking(bucket.where):
        try:
            return bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"]
        except ClientError as error:
            if not is_gone(error):
                raise
            raise SourceError(
                f"{bucket.where}: the source is not there",
                hint='name it as key = "bucket/key"; its current version is read',
            ) from None


def _dialect(sample: str) -> type[csv.Dialect] | csv.Dialect:
    found = clevercsv.Detector().detect(sample)
    if found is None or not found.delimiter:
        return csv.excel
    dialect: csv.Dialect = found.to_csv_dialect()
    return dialect
