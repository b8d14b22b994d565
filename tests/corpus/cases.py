"""Cases: a seed and a number give a file, and what is to be said of it. The same each time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from tests.corpus import charsets, copies, dataset, words, wrappers
from tests.corpus.dataset import SCHEMAS, Dataset
from tests.corpus.decoys import DECOYS
from tests.corpus.formats import FORMATS
from tests.corpus.tables import Table
from tests.corpus.truth import Truth

COPY, DECOY = "copy", "decoy"


@dataclass(frozen=True, slots=True)
class Case:
    """One file. `name` with the seed makes it again; `kind` is a decoy's, or empty."""

    seed: int
    name: str  # copy-17, decoy-4
    schema: str
    kind: str
    format: str
    encoding: str
    wrapper: str
    notes: tuple[str, ...]
    truth: Truth | None  # of a copy
    file: str
    data: bytes

    @property
    def evidence(self) -> str:
        return self.truth.evidence if self.truth else ""


@lru_cache(maxsize=16)
def dataset_of(seed: int, schema: str) -> Dataset:
    return dataset.make(seed, schema)


def make(seed: int, name: str) -> Case:
    """Make a case: ``copy-N`` or ``decoy-N``."""
    kind, _, number = name.partition("-")
    if kind not in {COPY, DECOY}:
        raise ValueError(f"no such kind of case: {name}")
    rng = random.Random(f"{seed}/{name}")
    return (_copy if kind == COPY else _decoy)(rng, seed, name, int(number))


def _copy(rng: random.Random, seed: int, name: str, number: int) -> Case:
    schema = rng.choice(list(SCHEMAS))
    form = list(FORMATS.values())[(number + seed * 7) % len(FORMATS)]
    copy = copies.draw(rng, dataset_of(seed, schema))
    body = form.write(rng, copy.table)
    encoding, data = charsets.encoded(rng, body) if isinstance(body, str) else ("", body)
    wrapper = wrappers.draw(rng)
    truth = copy.binary if form.binary_numbers else copy.truth
    data = wrappers.WRAPPERS[wrapper](rng, data)
    file = rng.choice(words.FILE_NAMES)
    return Case(
        seed, name, schema, "", form.name, encoding, wrapper, copy.notes, truth, file, data
    )  # fmt: skip


def _decoy(rng: random.Random, seed: int, name: str, number: int) -> Case:
    schema = rng.choice(list(SCHEMAS))
    kind = list(DECOYS)[(number + seed * 5) % len(DECOYS)]
    body = DECOYS[kind](rng, dataset_of(seed, schema))
    form, encoding = "", ""
    if isinstance(body, Table):
        chosen = rng.choice(list(FORMATS.values()))
        form, body = chosen.name, chosen.write(rng, body)
    if isinstance(body, str):
        encoding, body = charsets.encoded(rng, body)
    wrapper = wrappers.draw(rng)
    data = wrappers.WRAPPERS[wrapper](rng, body)
    file = rng.choice(words.FILE_NAMES)
    return Case(seed, name, schema, kind, form, encoding, wrapper, (), None, file, data)
