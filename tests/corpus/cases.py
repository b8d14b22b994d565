"""Cases: a seed and a name give something to plant, and what is to be said of it.

The same each time, wherever it is made, but for the time of day in archives and workbooks: a miss
is made again from its seed and its name alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from tests.corpus import charsets, copies, dataset, words, wrappers
from tests.corpus.dataset import SCHEMAS, Dataset
from tests.corpus.decoys import DECOYS, TABLES
from tests.corpus.formats import FORMATS
from tests.corpus.relations import SHAPES
from tests.corpus.tables import Table
from tests.corpus.truth import Truth

COPY, DECOY = "copy", "decoy"
TABLE_COPY, TABLE_DECOY = "table-copy", "table-decoy"


@dataclass(frozen=True, slots=True)
class File:
    """A file's name and content, and how it came to be."""

    name: str
    data: bytes
    encoding: str = ""  # of text
    wrapper: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One file, or one table for a database."""

    seed: int
    name: str  # copy-17, decoy-4, table-copy-2, table-decoy-0
    schema: str
    kind: str  # a decoy's
    format: str  # or shape, of a table
    body: File | Table
    notes: tuple[str, ...] = ()
    truth: Truth | None = None  # of a copy

    @property
    def file(self) -> File:
        """The file; one without a name and content for a table."""
        return self.body if isinstance(self.body, File) else File("", b"")

    @property
    def evidence(self) -> str:
        """The rule by which a copy can be told; empty if it cannot, and for decoys."""
        return self.truth.evidence if self.truth else ""

    def rng(self) -> random.Random:
        """Return a generator for what is drawn where the case is planted."""
        return random.Random(f"{self.seed}/{self.name}/planting")

    def bare(self) -> Case:
        """Return the case without its content."""
        if isinstance(self.body, File):
            return replace(self, body=replace(self.body, data=b""))
        return replace(self, body=replace(self.body, rows=()))


@lru_cache(maxsize=16)
def dataset_of(seed: int, schema: str) -> Dataset:
    return dataset.make(seed, schema)


def make(seed: int, name: str) -> Case:
    """Make a case by its name."""
    kind, _, number = name.rpartition("-")
    rng = random.Random(f"{seed}/{name}")
    schema = rng.choice(list(SCHEMAS))
    return _MAKERS[kind](rng, dataset_of(seed, schema), name, int(number))


def packed(rng: random.Random, body: str | bytes) -> File:
    """Give a text an encoding, and what comes of it a wrapper and a name."""
    encoding, data = charsets.encoded(rng, body) if isinstance(body, str) else ("", body)
    wrapper = wrappers.draw(rng)
    return File(
        rng.choice(words.FILE_NAMES), wrappers.WRAPPERS[wrapper](rng, data), encoding, wrapper
    )


def _copy(rng: random.Random, source: Dataset, name: str, number: int) -> Case:
    form = list(FORMATS.values())[(number + source.seed * 7) % len(FORMATS)]
    copy = copies.draw(rng, source)
    body = form.write(rng, copy.table)
    if form.lossy:
        assert isinstance(body, bytes)
        truth = copy.left(body)
    else:
        truth = copy.truth(binary_numbers=form.binary_numbers)
    file = packed(rng, body)
    return Case(source.seed, name, source.schema, "", form.name, file, copy.notes, truth)


def _decoy(rng: random.Random, source: Dataset, name: str, number: int) -> Case:
    kind = list(DECOYS)[(number + source.seed * 5) % len(DECOYS)]
    body = DECOYS[kind](rng, source)
    form = ""
    if isinstance(body, Table):
        chosen = rng.choice(list(FORMATS.values()))
        form, body = chosen.name, chosen.write(rng, body)
    return Case(source.seed, name, source.schema, kind, form, packed(rng, body))


def _table_copy(rng: random.Random, source: Dataset, name: str, number: int) -> Case:
    shape = list(SHAPES)[(number + source.seed * 7) % len(SHAPES)]
    copy = copies.draw(rng, source)
    return Case(source.seed, name, source.schema, "", shape, copy.table, copy.notes, copy.truth())


def _table_decoy(rng: random.Random, source: Dataset, name: str, number: int) -> Case:
    kind = list(TABLES)[(number + source.seed * 5) % len(TABLES)]
    shape = rng.choice(list(SHAPES))
    return Case(source.seed, name, source.schema, kind, shape, TABLES[kind](rng, source))


_MAKERS: Mapping[str, Callable[[random.Random, Dataset, str, int], Case]] = {
    COPY: _copy,
    DECOY: _decoy,
    TABLE_COPY: _table_copy,
    TABLE_DECOY: _table_decoy,
}
