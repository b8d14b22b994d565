"""The judge: plants cases in a real tree, has the backend examine them, and compares."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backends.contract import Context, Examination, Matcher, Store, Unit
from backends.files import BACKEND
from shredder.fingerprint import FingerprintMatcher, NoEvidence, enrol
from tests.corpus import cases
from tests.corpus.cases import Case
from tests.corpus.dataset import Dataset
from tests.fingerprint.made import KEY, Table

MEMORY = Path("/dev/shm")  # a tmpfs, where there is one
NONE = "none"  # instead of a verdict: not a holding


@dataclass(frozen=True, slots=True)
class Answer:
    """What the product said of a case; the case without its bytes."""

    case: Case
    verdict: str
    records: int | None
    foreign: int | None
    gap: str  # the reason of one
    error: str = ""  # the type of an exception, which is a defect

    @property
    def found(self) -> bool:
        return self.verdict == "copy"

    @property
    def missed(self) -> bool:
        """A copy that can be told was not called one."""
        return bool(self.case.evidence) and not self.found

    @property
    def false(self) -> bool:
        """A decoy was called a copy."""
        return not self.case.truth and self.found

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


@contextmanager
def place() -> Iterator[tuple[Path, Path, Store]]:
    """Give a scratch folder, the root of a store in it, and the store."""
    parent = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="corpus-", dir=parent) as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        context = Context(base=folder, state=folder / "state")
        store = BACKEND.open("share", {"roots": ["root"]}, context)
        try:
            yield folder, root, store
        finally:
            store.close()


def answer(case: Case, store: Store, root: Path, matcher: Matcher | None) -> Answer:
    """Plant a case, have it examined, and take it away again."""
    bare = replace(case, data=b"")
    if matcher is None:
        return Answer(bare, NONE, None, None, "")
    path = root / case.file
    path.write_bytes(case.data)
    try:
        (unit,) = (u for u in store.units(store.scopes()[0].name) if isinstance(u, Unit))
        return told(bare, store.examine(unit, matcher))
    except Exception as error:
        return Answer(bare, NONE, None, None, "", type(error).__name__)
    finally:
        path.unlink()


def told(case: Case, examination: Examination) -> Answer:
    """Return what an examination says of the case that it is of."""
    gap = examination.gap.reason if examination.gap else ""
    for holding in examination.holdings:
        return Answer(case, str(holding.verdict), holding.records, holding.foreign_records, gap)
    return Answer(case, NONE, None, None, gap)


def batch(seed: int, names: Sequence[str]) -> list[Answer]:
    """Judge cases of one seed, one after the other."""
    with place() as (folder, root, store):
        enrolled = Enrolled(folder)
        answers = []
        for name in names:
            case = cases.make(seed, name)
            matcher = enrolled.matcher(cases.dataset_of(seed, case.schema))
            answers.append(answer(case, store, root, matcher))
        return answers


def run(seeds: Sequence[int], copies: int, decoys: int, jobs: int) -> Iterator[Answer]:
    """Judge so many copies and decoys in all, the same number of each seed, about."""
    batches = []
    for number, seed in enumerate(seeds):
        for kind, count in ((cases.COPY, copies), (cases.DECOY, decoys)):
            share = count // len(seeds) + (number < count % len(seeds))
            names = [f"{kind}-{n}" for n in range(share)]
            batches += [(seed, names[at : at + 100]) for at in range(0, share, 100)]
    if jobs == 1:
        for seed, names in batches:
            yield from batch(seed, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for answers in pool.map(batch, *zip(*batches, strict=True)):
            yield from answers
