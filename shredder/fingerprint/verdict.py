"""From numbers to a verdict: what a holding is, judged by all of its windows together.

Alone, a private value makes a copy, and so do an e-mail address and seven passages of the same
record. What is weaker counts once there is enough of it, and none of it is others' (`parted`);
where some may be, and it is `firm`, the holding is a copy of which no window counts:

* *texts*: seven passages of one record: of three records, or of one beside a certain one;
* *owned*: a passage beside its record's e-mail address: of three records, if that holds of three in
  ten addresses whose records have a text. Set phrases meet by chance, but seldom;
* *named*: a passage beside its record's name: likewise, or in windows of their own oftener than
  as many passages would meet as many names by chance;
* *persons*: windows with an e-mail address and the record's own values: beyond chance, and of
  those with an address three in ten;
* *names*: windows with a name and the record's own values: more than twice what chance gives and
  five besides;
* *numbers*: windows with a short number and the record's own values: likewise;
* *labelled*: windows with such a number under the name of its column: at least eight, by which
  no other numbering of the same density would be met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from backends.contract import Verdict
from shredder.fingerprint.confirm import Answer
from shredder.fingerprint.order import IN_ORDER

_TEXTS = 3
_FEW_NAMES = 5
_MANY_NAMES = 8
_LABELLED = 8
_SHARE = 0.3
_COMMON = 0.1  # of windows, that values fit by chance
_BEYOND_CHANCE = 1e-4
_BEYOND_DOUBT = 1e-8
_BESIDE_CERTAIN = 1e-2
_NO_OTHER_NUMBERING = 1e-9
_UNSEEN = 2  # windows of others, for each whose values fit nothing of a record's
_RISK = 0.02  # windows of others that may be expected among those that count


class Beside:
    """Windows with a person, name or number of the dataset and no certain record.

    Of each pair of value columns, a column with itself included: in how many windows the record's
    own values stand, and in how many they would by chance.
    """

    def __init__(self, width: int) -> None:
        self.rows = 0
        self.unasked = 0
        self.risk = 0.0  # how many windows of others chance would make traces
        self.traces = 0
        self.fits = np.zeros((width, width), np.int64)
        self.chance = np.zeros((width, width), np.float64)

    def add(self, answer: Answer | None) -> None:
        """Take in what one more window said."""
        self.rows += 1
        if answer is not None:
            self.traces += answer.record >= 0
            self.fits += answer.fits
            self.chance += answer.chance

    def beyond_chance(self, level: float, *, share: float = 0.0, times: int = 0) -> bool:
        """Whether the values of some columns fit oftener than chance lets them.

        `level`: how likely chance may be to do as much in any of the pairs. `share`: of the
        windows, that must fit. `times`: so many times what chance gives they must be, and five
        besides, for namesakes do not come by chance alone.
        """
        pairs = self.chance.shape[0] * (self.chance.shape[0] + 1) // 2
        for fits, chance in zip(self.fits.flat, self.chance.flat, strict=True):
            if chance > _COMMON * self.rows:
                continue  # what many have, is true of a person elsewhere, too
            many = fits > times * chance + _FEW_NAMES
            if (
                fits >= max(1, share * self.rows)
                and (many or not times)
                and at_least(int(fits), chance) * pairs < level
            ):
                return True
        return False


@dataclass(slots=True)
class Sums:
    """What was counted in a holding."""

    by_person: Beside
    by_name: Beside
    by_number: Beside
    certain: int = 0  # windows with a certain record, and private values that were probed
    persons_probed: int = 0
    persons: int = 0  # windows of a person and no more
    names: int = 0  # windows with a name of the dataset
    windows: int = 0  # that are not blank
    in_order: int = 0  # the longest run of persons in the order of the source
    texts: int = 0  # records of which several passages stand together, and nothing certain
    persons_with_text: int = 0  # places with a person whose record has a text
    owned: int = 0  # records of which a passage is beside their person
    names_with_text: int = 0
    named: int = 0
    named_within: int = 0  # in one window with it
    named_chance: float = 0.0  # how many of these chance would give
    named_risk: float = 0.0  # how many windows of others chance would make traces by a passage
    labelled: int = 0  # windows that have a known number under the name of its column
    only_labelled: int = 0  # that count by nothing else
    under_label: int = 0  # windows that have any number there

    @property
    def traces(self) -> int:
        """How many findings wait for others."""
        return (
            self.texts
            + self.owned
            + sum(kind.traces for kind in (self.by_person, self.by_name, self.by_number))
        )


def enough(sums: Sums, density: float) -> bool:
    """Whether windows that are evidence only together are enough of it."""
    certain = sums.certain > 0
    level = _BESIDE_CERTAIN if certain else _BEYOND_CHANCE
    return (
        sums.texts >= (1 if certain else _TEXTS)
        or said(sums)
        or sums.by_person.beyond_chance(level, share=_SHARE)
        or any(kind.beyond_chance(level, times=2) for kind in (sums.by_name, sums.by_number))
        or (
            sums.labelled >= _LABELLED
            and at_least(sums.labelled, density * sums.under_label) < _NO_OTHER_NUMBERING
        )
    )


def said(sums: Sums) -> bool:
    """Whether enough of those who are named have said what stands beside their names."""
    return (
        (sums.owned >= _TEXTS and sums.owned >= _SHARE * sums.persons_with_text)
        or (sums.named >= _TEXTS and sums.named >= _SHARE * sums.names_with_text)
        or (
            sums.named_within >= _TEXTS
            and at_least(sums.named_within, sums.named_chance) < _BEYOND_CHANCE
        )
    )


def firm(sums: Sums) -> bool:
    """Whether these windows show a copy even where some of them may be others'.

    More is asked than of windows that are all the dataset's: what names and numbers bring about
    together with other values must be beyond all doubt.
    """
    return (
        sums.texts >= _TEXTS
        or said(sums)
        or sums.by_person.beyond_chance(_BEYOND_CHANCE, share=_SHARE)
        or any(
            kind.beyond_chance(_BEYOND_DOUBT, times=3) for kind in (sums.by_name, sums.by_number)
        )
    )


def parted(sums: Sums, density: float) -> bool:
    """Whether the windows that would count are the dataset's own, each of them.

    A name and a short number are others', too, and what stands beside them fits a few of the
    others' records by chance. Of a holding that has such records at all, nobody can tell which
    these are; and where records are known by what is certain, what is not is others'.
    """
    kinds = sums.by_name, sums.by_number
    risk = sums.named_risk if sums.named else 0.0
    if any(kind.traces for kind in kinds) or sums.only_labelled:
        if sums.certain or any(kind.traces and kind.unasked for kind in kinds):
            return False
        risk += _UNSEEN * sum(kind.risk for kind in kinds)
        if sums.only_labelled:
            risk += density * (sums.under_label - sums.labelled)
    return risk <= _RISK


def verdict(sums: Sums, *, together: bool, counts: bool) -> Verdict | None:
    """What a holding is; `together`: whether its traces are enough; `counts`: whether they do."""
    if sums.certain or counts or (together and firm(sums)):
        return Verdict.COPY
    if together or sums.in_order >= IN_ORDER:
        return Verdict.LIKELY
    # A name alone is nobody's: many bear it. A list of names of the dataset is worth a look.
    listed = sums.names >= _MANY_NAMES and sums.names >= _SHARE * sums.windows
    if sums.persons or sums.persons_probed or sums.traces or listed:
        return Verdict.MAYBE
    return None


def at_least(count: int, mean: float) -> float:
    """Return the probability that a Poisson variable is `count` or more."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count <= mean:
        return 1.0  # not exactly, but no evidence
    # The terms from `count` on fall by mean / count and faster.
    first = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    return min(1.0, first / (1 - mean / (count + 1)))
