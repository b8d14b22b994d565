"""Plain values beside a person, a name or a number, held against that record's own.

A window is asked what plain values may stand in it, whatever they mean. How likely is it that
they would fit a record by chance? As likely as they fit any record of the dataset: for each value
column, the share of records whose value is among them. A window in which half of all incomes
stand confirms nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.catalogue import PERSON_TOKEN, Catalogue
from shredder.fingerprint.gathering import value_hashes
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.siphash import Hashes
from shredder.fingerprint.words import value_forms

LEVEL = 0.02  # a window is a trace if chance would make it one no oftener than that
MOST_BYTES = 1 << 16  # a longer window is no single record's
_WEIGHED = 6  # columns; that more of them fit by chance does not come into account

_ADDRESS = re.compile(rb"[0-9A-Za-z_.+\-\x80-\xff](?:@|%40|=40|&#64;)[0-9A-Za-z\x80-\xff]")
_TOKEN = re.compile(rb"[0-9A-Za-z](?:[0-9A-Za-z_.+\-]*[0-9A-Za-z])?")
_CODE_DIGITS = 3

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one window says: of each pair of value columns, a column with itself included.

    `fits`: whether a record's own values of both stand there; `chance`: how likely they would
    for any record. `record`: the one for which that is a trace, or -1. `by_chance`: how likely one
    of other people's records would be a trace here.
    """

    fits: npt.NDArray[np.bool_]
    chance: Shares
    record: int
    by_chance: float


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
        self._addresses = bool((catalogue.roles == PERSON_TOKEN).any())
        self._columns = np.arange(catalogue.traits.value_columns, dtype=np.uint64) << np.uint64(32)

    def belongs_to_others(self, window: bytes) -> bool:
        """Whether a window has what would be a record's address or identifier, as far as looks go.

        Of the dataset's own records such a window is known by that, and needs no other sign.
        """
        if self._addresses and _ADDRESS.search(window):
            return True
        lengths = self._catalogue.lengths
        return bool(lengths) and any(
            len(token) in lengths
            and sum(map(_digit, token)) >= _CODE_DIGITS
            and token.upper() != token.lower()
            for token in _TOKEN.findall(window)
        )

    def ask(
        self, window: bytes, beyond: bytes, records: Sequence[int], without: Collection[int]
    ) -> Answer | None:
        """Look whether values in a window are those of one of the records; None: there are none.

        `beyond`: what is round it, in which the values of those columns are looked for of which
        the window itself has none. `without`: value columns that are not asked for.
        """
        if not self._columns.size or len(window) > MOST_BYTES:
            return None
        told = self._told(window)
        values = self._catalogue.values[list(records)]
        shares, fits = self._shares(told), (values != 0) & np.isin(values, told)
        if beyond and not shares.all():
            more = self._told(beyond)
            told = np.concatenate((told, more))
            none = shares == 0
            shares = np.where(none, self._shares(more), shares)
            fits = np.where(none, (values != 0) & np.isin(values, more), fits)
        if not told.size:
            return None
        for column in without:
            shares[column], fits[:, column] = 0.0, False
        record = self._trace(records, values, fits, shares)
        both = (fits[:, :, None] & fits[:, None, :]).any(axis=0)
        chance = np.outer(shares, shares)
        np.fill_diagonal(chance, shares)
        return Answer(
            both,
            np.minimum(1.0, chance * len(records)),
            record,
            _by_chance(shares, len(records)),
        )

    def _told(self, text: bytes) -> npt.NDArray[np.uint32]:
        forms = value_forms(text.decode("utf-8", "replace"))
        return value_hashes(self._keys, list(forms)) if forms else np.empty(0, np.uint32)

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


def _by_chance(shares: Shares, records: int) -> float:
    """Return how likely values with such shares are a trace of one of some records by chance."""
    some = np.sort(shares[shares > 0])[:_WEIGHED].tolist()
    total = 0.0
    for which in product((False, True), repeat=len(some)):
        fit = math.prod(share for share, fits in zip(some, which, strict=True) if fits)
        rest = math.prod(1 - share for share, fits in zip(some, which, strict=True) if not fits)
        if any(which) and fit * math.comb(len(some), sum(which)) * records <= LEVEL:
            total += fit * rest
    return min(1.0, total * records)


def _digit(byte: int) -> bool:
    return 0x30 <= byte <= 0x39
