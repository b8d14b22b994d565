"""What probing finds, and when it is evidence.

* A private token, or the 16 bytes of a private UUID, is certain as it is in text, unless it is cut
  out of a longer word or number: then it is shown as one that points to a person is.
* Integers are everywhere, so none says anything by itself. They are certain together, once more
  of the dataset's have been seen than chance explains. What is chance is measured in the same
  bytes: each integer is looked up, and so are three others that lie near it. Numbers that have
  nothing to do with the dataset (times, counters, noise) hit its numbers no oftener than those.
  :data:`_ENOUGH` to none has a probability of 2 ** -16 under that. A dataset whose numbers follow
  each other closely therefore is not told from any counter, and not found by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.anchors import Run
from shredder.fingerprint.catalogue import PRIVATE_TOKEN, Catalogue
from shredder.fingerprint.engine import Engine
from shredder.fingerprint.order import SourceOrder
from shredder.fingerprint.raw import NEIGHBOURS
from shredder.fingerprint.siphash import Hashes, Offsets
from shredder.fingerprint.tokens import Mask

_ENOUGH = 16  # different integers
_FOR_EACH = 4  # more, for each that was hit by chance


@dataclass(frozen=True, slots=True)
class Probed:
    """All that was found outside of windows."""

    found: int  # tokens and binary forms
    certain: int  # those of them that show a record
    seen: Mask | None  # by record; None: none at all
    in_order: int  # persons in the order of the source


class Probing:
    """Probes runs of one unit."""

    def __init__(self, catalogue: Catalogue, engine: Engine) -> None:
        self._catalogue = catalogue
        self._run = Run(engine)
        self._within = False  # a run that was begun and not ended
        self._found = self._certain = 0
        self._seen: Mask | None = None
        self._order = SourceOrder()
        # Rows of different integers hit: the dataset's, and by each of their neighbours.
        self._integers: list[set[int]] = [set() for _ in range(1 + NEIGHBOURS)]

    def take(self, block: bytes) -> None:
        """Take in a block of a run; an empty one ends the run."""
        if not (block or self._within):
            return
        self._within = bool(block)
        found = self._run.take(block)
        tables = self._catalogue
        self._add(found.rows, found.sound, tables.roles, tables.hashes, tables.records)
        all_sound = np.ones(found.raw_rows.size, np.bool_)
        self._add(found.raw_rows, all_sound, tables.raw_kinds, tables.raw, tables.raw_records)
        for rows, seen in zip(found.integers, self._integers, strict=True):
            seen.update(rows.tolist())

    def _add(
        self,
        rows: Offsets,
        sound: Mask,
        kinds: npt.NDArray[np.uint8],
        hashes: Hashes,
        records: npt.NDArray[np.uint32],
    ) -> None:
        if not rows.size:
            return
        self._found += rows.size
        certain = (kinds[rows] == PRIVATE_TOKEN) & sound
        if certain.any():
            self._certain += int(np.count_nonzero(certain))
            self._seen = self._records() if self._seen is None else self._seen
            mark(self._seen, hashes, records, rows[certain])
        if not certain.all():
            self._order.feed(records[rows[~certain]])

    def _records(self) -> Mask:
        return np.zeros(self._catalogue.report.records, np.bool_)

    def sum(self) -> Probed:
        """Sum up all that was probed; ends a run."""
        self.take(b"")
        seen = self._seen
        found, certain = self._found, self._certain
        hit, *others = map(len, self._integers)
        if hit >= _ENOUGH + _FOR_EACH * max(others):
            seen = self._records() if seen is None else seen.copy()
            rows = np.array(sorted(self._integers[0]), np.int64)
            mark(seen, self._catalogue.raw, self._catalogue.raw_records, rows)
            found, certain = found + hit, certain + hit
        return Probed(found, certain, seen, self._order.longest)


def mark(seen: Mask, hashes: Hashes, records: npt.NDArray[np.uint32], rows: Offsets) -> None:
    """Mark the records that have the hashes at `rows`, and at equal ones after them."""
    rows = np.unique(rows)
    sizes = np.searchsorted(hashes, hashes[rows], side="right") - rows
    before = np.cumsum(sizes) - sizes
    seen[records[np.repeat(rows - before, sizes) + np.arange(int(sizes.sum()))]] = True
