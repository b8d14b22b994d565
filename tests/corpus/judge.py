"""The judge: plants cases in a real tree, has the backend examine them, and compares."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backends.contract import Examination, Matcher, Verdict
from shredder.fingerprint import FingerprintMatcher, NoEvidence, enrol
from tests.corpus import cases
from tests.corpus.cases import Case
from tests.corpus.dataset import Dataset
from tests.corpus.formats import FORMATS
from tests.corpus.relations import SHAPES
from tests.corpus.targets import Target, Tree, scratch
from tests.fingerprint.made import KEY, Table

# What has a place for each record, so that they can be counted.
EXACT = {name for name, form in FORMATS.items() if form.exact} | (set(SHAPES) - {"json-in-one"})
NONE = "none"  # instead of a verdict: not a holding
_STRONGEST = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the product said of a case; the case without its bytes."""

    case: Case
    verdict: str
    records: int | None
    foreign: int | None
    gap: str  # the reason of one
    store: str
    error: str = ""  # an exception, which is a defect

    @property
    def found(self) -> bool:
        return self.verdict == "copy"

    @property
    def missed(self) -> bool:
        """A copy that can be told was not called one."""
        return bool(self.case.evidence) and not self.found

    @property
    def silent(self) -> bool:
        """A copy that can be told was not seen at all, and nothing says that it was not looked at."""
        return bool(self.case.evidence) and self.verdict == NONE and not self.gap

    @property
    def false(self) -> bool:
        """A decoy was called a copy."""
        return not self.case.truth and self.found

    @property
    def claimed(self) -> int:
        """How many records of others are told as the dataset's, where a format parts records."""
        truth, told = self.case.truth, self.foreign
        exact = self.case.format in EXACT and self.verdict != NONE
        return max(0, truth.foreign - told) if truth and exact and told is not None else 0

    @property
    def mixed_unseen(self) -> bool:
        """Others' records are in it, and the answer says that there are none."""
        truth = self.case.truth
        return bool(truth and truth.foreign and self.verdict != NONE and self.foreign == 0)


class Enrolled:
    """The fingerprints of one seed's datasets, taken when first needed, with roles as guessed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._matchers: dict[tuple[int, str], Matcher | None] = {}

    def matcher(self, dataset: Dataset) -> Matcher | None:
        """Return the matcher for a dataset; None where nothing of it would be evidence."""
        name = (dataset.seed, dataset.schema)
        if name not in self._matchers:
            path = self._folder / f"{dataset.seed}-{dataset.schema}.catalogue"
            source = Table(dataset.table.names, dataset.table.rows)
            try:
                enrol([source], roles={}, key=KEY, path=path)
            except NoEvidence:
                self._matchers[name] = None
            else:
                self._matchers[name] = FingerprintMatcher(path, KEY)
        return self._matchers[name]


def answer(case: Case, target: Target, enrolled: Enrolled) -> Answer:
    """Plant a case in a place of its own, have it examined, and compare."""
    bare, store = case.bare(), target.store(case)
    matcher = enrolled.matcher(cases.dataset_of(case.seed, case.schema))
    if matcher is None:
        return Answer(bare, NONE, None, None, "", store)
    try:
        return told(bare, store, target.examined(case, matcher))
    except Exception as error:
        return Answer(bare, NONE, None, None, "", store, f"{type(error).__name__}: {error}")


def told(case: Case, store: str, examinations: Sequence[Examination]) -> Answer:
    """Return what examinations say of the case that they are of: their strongest holding."""
    gap = next((e.gap.reason for e in examinations if e.gap), "")
    holdings = [holding for e in examinations for holding in e.holdings]
    if not holdings:
        return Answer(case, NONE, None, None, gap, store)
    best = min(holdings, key=lambda holding: _STRONGEST.index(holding.verdict))
    return Answer(case, str(best.verdict), best.records, best.foreign_records, gap, store)


def batch(seed: int, names: Sequence[str]) -> list[Answer]:
    """Judge files of one seed in a tree, one after the other."""
    with scratch() as folder:
        enrolled = Enrolled(folder)
        tree = Tree(folder)
        return [answer(cases.make(seed, name), tree, enrolled) for name in names]


def run(seeds: Sequence[int], copies: int, decoys: int, jobs: int) -> Iterator[Answer]:
    """Judge so many copies and decoys in all, the same number of each seed, about."""
    batches = []
    for seed in seeds:
        for kind, count in ((cases.COPY, copies), (cases.DECOY, decoys)):
            names = named(seeds, seed, kind, count)
            batches += [(seed, names[at : at + 100]) for at in range(0, len(names), 100)]
    if jobs == 1:
        for seed, names in batches:
            yield from batch(seed, names)
        return
    # Polars and numba have threads, and a fork of their process may wait for ever.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for answers in pool.map(batch, *zip(*batches, strict=True)):
            yield from answers


def named(seeds: Sequence[int], seed: int, kind: str, count: int) -> list[str]:
    """Return the names of a seed's share of so many cases."""
    number = seeds.index(seed)
    share = count // len(seeds) + (number < count % len(seeds))
    return [f"{kind}-{n}" for n in range(share)]
