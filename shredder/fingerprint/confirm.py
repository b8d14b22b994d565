"""Plain values beside a person, a name or a number, held against that record's own.

A window is asked what plain values may stand in it, whatever they mean. How likely is it that
they would fit a record by chance? As likely as they fit any record of the dataset: for each value
column, the share of records whose value is among them. A window in which half of all incomes
stand confirms nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.catalogue import Catalogue
from shredder.fingerprint.gathering import value_hashes
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.siphash import Hashes
from shredder.fingerprint.words import value_forms

LEVEL = 0.02  # a window is a trace if chance would make it one no oftener than that
MOST_BYTES = 1 << 16  # a longer window is no single record's

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one window says: of each pair of value columns, a column with itself included.

    `fits`: whether a record's own values of both stand there; `chance`: how likely they would
    for any record. `record`: the one for which that is a trace, or -1.
    """

    fits: npt.NDArray[np.bool_]
    chance: Shares
    record: int


def chances(
    keys: Hashes, counts: npt.NDArray[np.uint32], values: npt.NDArray[np.uint32], rows: int
) -> Shares:
    """Return for each of some records' values the share of rows that have it; 1 for none."""
    share = np.ones(values.shape, np.float64)
    if not keys.size or not values.size:
        return share
    columns = np.arange(values.shape[1], dtype=np.uint64) << np.uint64(32)
    wanted = columns[None, :] | values
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    there = (keys[at] == wanted) & (values != 0)
    share[there] = counts[at][there] / max(1, rows)
    return np.minimum(share, 1.0)


def likely_enough(shares: Shares) -> npt.NDArray[np.bool_]:
    """Tell of records by the shares of their values whether these could confirm them."""
    return np.asarray(shares.prod(axis=1) <= LEVEL)


class Confirmer:
    """Asks windows for the values of given records."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._columns = np.arange(catalogue.traits.value_columns, dtype=np.uint64) << np.uint64(32)

    def ask(self, window: bytes, records: Sequence[int], without: Collection[int]) -> Answer | None:
        """Look whether values in a window are those of one of the records; None: there are none.

        `without`: value columns that are not asked for.
        """
        if not self._columns.size or len(window) > MOST_BYTES:
            return None
        forms = value_forms(window.decode("utf-8", "replace"))
        if not forms:
            return None
        told = value_hashes(self._keys, list(forms))
        shares = self._shares(told)
        values = self._catalogue.values[list(records)]
        fits = (values != 0) & np.isin(values, told)
        for column in without:
            shares[column], fits[:, column] = 0.0, False
        record = self._trace(records, values, fits, shares)
        both = (fits[:, :, None] & fits[:, None, :]).any(axis=0)
        chance = np.outer(shares, shares)
        np.fill_diagonal(chance, shares)
        return Answer(both, np.minimum(1.0, chance * len(records)), record)

    def _trace(
        self,
        records: Sequence[int],
        values: npt.NDArray[np.uint32],
        fits: npt.NDArray[np.bool_],
        shares: Shares,
    ) -> int:
        best, which = LEVEL, -1
        for number, record in enumerate(records):
            count = int(np.count_nonzero(fits[number]))
            if count:
                # The columns that fit were not chosen beforehand: any as many would have done.
                possible = int(np.count_nonzero((values[number] != 0) & (shares > 0)))
                ways = math.comb(possible, count) * len(records)
                chance = float(shares[fits[number]].prod()) * ways
                if chance <= best:
                    best, which = chance, record
        return which

    def _shares(self, told: npt.NDArray[np.uint32]) -> Shares:
        """Return for each value column the share of rows whose value is among those told."""
        keys = self._catalogue.value_keys
        if not keys.size:
            return np.zeros(self._columns.size)
        wanted = self._columns[:, None] | np.unique(told)[None, :]
        at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        counts = np.where(keys[at] == wanted, self._catalogue.value_counts[at], 0)
        report = self._catalogue.report
        shares = counts.sum(axis=1) / max(1, report.records + report.repeated)
        return np.asarray(np.minimum(shares, 1.0))
