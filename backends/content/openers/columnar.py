"""Files of data frames: Parquet, Arrow's files and streams, Feather, ORC; and Avro.

Their libraries read them in a process apart: see :mod:`backends.content.apart`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backends.content import Bounds, Opener, Part, Source
from backends.content.apart import read_apart


@dataclass(frozen=True, slots=True)
class Columnar(Opener):
    """Opens one kind of file by a reader."""

    name: str  # type: ignore[misc]
    magic: re.Pattern[bytes]
    reader: str
    needs: tuple[str, ...]  # type: ignore[misc]

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return self.magic.match(head) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the records."""
        yield from read_apart(f"backends.content.readers.{self.reader}", source.seekable(), bounds)


_ARROW = ("pyarrow",)
# Texts may begin with the shorter ones: in a file, bytes follow that no text has.
PARQUET = Columnar(
    "parquet", re.compile(rb"PAR[1E](?=.{0,64}[\0-\x08])", re.DOTALL), "arrow:parquet", _ARROW
)
ARROW = Columnar("arrow", re.compile(rb"ARROW1\0\0"), "arrow:ipc_file", _ARROW)
# A continuation mark, the length of a message, and the offset to its root: Arrow's format,
# "Encapsulated message format". Before version 0.15 there was no mark.
ARROW_STREAM = Columnar(
    "arrow-stream",
    re.compile(rb"\xff{4}[\0-\xff]{2}[\0-\x0f]\0[\x04-\x40]\0\0\0"),
    "arrow:ipc_stream",
    _ARROW,
)
FEATHER = Columnar(
    "feather", re.compile(rb"FEA1(?=.{0,64}[\0-\x08])", re.DOTALL), "arrow:feather", _ARROW
)
ORC = Columnar("orc", re.compile(rb"ORC(?=.{0,64}[\0-\x08])", re.DOTALL), "arrow:orc", _ARROW)
AVRO = Columnar("avro", re.compile(rb"Obj\x01"), "avro:avro", ("fastavro", "cramjam"))
