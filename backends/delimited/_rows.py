"""A delimited file's records as values."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

from backends.delimited._format import Format, detect, guess_encoding, text_head
from backends.errors import SourceError

_EMPTY_HINT = "a source is a delimited file whose first record names the columns"


class Rows:
    """See :class:`backends.contract.SourceRows`. The file is opened anew for each pass."""

    def __init__(
        self,
        opener: Callable[[], BinaryIO],
        locator: str,
        where: str,
        encoding: str,
        delimiter: str,
        keys: Sequence[bytes | bytearray] | None = None,
    ) -> None:
        """`keys`: what opens it, where it is sealed."""
        if keys is not None:
            # cryptography takes its time, and few sources are sealed
            from backends.delimited._sealed import unsealed  # noqa: PLC0415

            opener = unsealed(opener, keys, where)
        self._open = opener
        self._where = where
        self.locator = locator
        with opener() as file:
            self._format = self._detected(file, encoding, delimiter)
            self._encoding = encoding or self._format.encoding or self._guessed(file)
        self.columns = next(self._records(), ())
        if not self.columns:
            raise SourceError(f"{where}: the source is empty", hint=_EMPTY_HINT)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Yield each record. Raises SourceError where the file is not what it seemed."""
        records = self._records()
        next(records, None)
        for number, record in enumerate(records, start=1):
            if len(record) != len(self.columns):
                raise SourceError(
                    f"{self._where}: record {number} of the source has {len(record)} fields, "
                    f"its header {len(self.columns)}",
                    hint="repair the file, or set `delimiter` if it was guessed wrong",
                )
            yield record

    def _records(self) -> Iterator[tuple[str, ...]]:
        dialect = self._format.dialect
        try:
            with self._open() as file, self._text(file) as text:
                reader = csv.reader(
                    text,
                    delimiter=dialect.delimiter.decode("ascii"),
                    quotechar=dialect.quote.decode("ascii"),
                    strict=True,
                )
                for row in reader:
                    if row:
                        yield tuple(row)
        except UnicodeError:
            raise SourceError(
                f"{self._where}: the source is not text in {self._encoding}",
                hint="set `encoding` for the store",
            ) from None
        except (csv.Error, zlib.error, EOFError, gzip.BadGzipFile) as error:
            what = "delimited text" if isinstance(error, csv.Error) else "a whole gzip file"
            raise SourceError(f"{self._where}: the source is not {what}") from None

    def _text(self, file: BinaryIO) -> io.TextIOWrapper:
        raw = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if self._format.gzip else file
        raw.read(len(self._format.bom))
        return io.TextIOWrapper(raw, self._encoding, newline="")

    def _detected(self, file: BinaryIO, encoding: str, delimiter: str) -> Format:
        found = detect(file, encoding=encoding, delimiter=delimiter)
        if found is None:
            raise SourceError(f"{self._where}: the source is not delimited text", hint=_EMPTY_HINT)
        return found

    def _guessed(self, file: BinaryIO) -> str:
        encoding = guess_encoding(text_head(file)[0])
        if not encoding:
            raise SourceError(
                f"{self._where}: the encoding of the source cannot be told",
                hint="set `encoding` for the store",
            )
        return encoding
