"""What is in a copy, and whether that can be told: decided by what was planted alone.

The rule. A copy is *decidable* when the values planted could not stand there without the dataset,
whoever made the file. It holds so where one of these holds, tried in this order:

``id``
    One record with its identifier of 32 bits or more (a UUID, a code of 52 bits): nobody but the
    dataset made it.
``email+text``
    One record with its e-mail address and, in its free text, seven runs of five words that no other
    record of the dataset has; or three with one such run each. Fewer can be a phrase of everybody's.
``text``
    Three records, each with seven such runs, or with one and the person's name.
``values``
    Records with a key and with values of the dataset that go with it, more of them than chance
    gives. Keys are e-mail addresses, numbers of five digits and more, and names (first and last,
    side by side);
    they may stand elsewhere honestly, beside any values. What confirms is income, and for the other
    two keys a number. The chance that a row confirms is the product
    of the shares that its values have in the dataset (a number of `d` digits: 10**-d). Of the k
    records planted count those for which it is 1 in 50 or less. With `lambda` the sum over all rows
    with a key of the dataset, foreign ones included: k >= 3 (names and numbers: k >= 6 and
    k > 3 lambda + 5), and the Poisson probability of k or more is below 1e-6. By names and numbers
    it is decidable only where no foreign row has a name of the dataset, or any number: among
    namesakes some have such values, too, and nobody can tell which rows these are. So are rows by text that
    have names and values as well, but no e-mail address.

What does not count: a person's telephone number, city, date of birth and ethnicity, for another list
of the same people has them too, and truly; a rating of one digit; words without white space between them (Japanese); a number that
stands in binary where no published format says so; values by which no row goes together (a file of
columns). Copies for which nothing holds are *undecidable*: they are made, too, and told apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.corpus.dataset import Dataset, runs_of
from tests.corpus.tables import Column, Kind, Row

FOREIGN = -1  # instead of a row's number: not of the dataset

_CHANCE = 1e-6
_KEY_DIGITS = 5
_RUNS, _THREE = 7, 3
_TRACE = 0.02  # chance, of a row whose values confirm


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted. `evidence` names the rule that decides; empty: undecidable."""

    records: int  # distinct ones of the dataset
    foreign: int
    evidence: str
    countable: bool  # each record can be told by itself: it has its identifier


def judge(
    dataset: Dataset,
    columns: Sequence[Column],
    rows: Sequence[tuple[int, Row]],
    *,
    binary_numbers: bool = False,
) -> Truth:
    """Judge rows by the rule; each comes with its number in the dataset, or FOREIGN.

    `rows` are in the dataset's own forms. `binary_numbers`: numbers are not written as text.
    """
    kinds = [column.kind for column in columns]
    own = {number: row for number, row in rows if number != FOREIGN}
    foreign = sum(number == FOREIGN for number, _ in rows)
    ident = Kind.ID in kinds
    return Truth(
        records=len(own),
        foreign=foreign,
        evidence=_evidence(dataset, kinds, own, rows, binary_numbers=binary_numbers) if own else "",
        countable=ident,
    )


def _evidence(
    dataset: Dataset,
    kinds: list[Kind],
    own: dict[int, Row],
    rows: Sequence[tuple[int, Row]],
    *,
    binary_numbers: bool,
) -> str:
    if Kind.ID in kinds:
        return "id"
    if Kind.TEXT in kinds:
        at = kinds.index(Kind.TEXT)
        runs = [len(_own_runs(dataset, row[at])) for row in own.values()]
        if Kind.EMAIL in kinds and (max(runs) >= _RUNS or sum(map(bool, runs)) >= _THREE):
            return "email+text"
        wanted = 1 if _has_name(kinds) else _RUNS
        alone = Kind.EMAIL in kinds or not _mingled(dataset, kinds, rows)
        if alone and sum(n >= wanted for n in runs) >= _THREE:
            return "text"
    for key in (Kind.EMAIL, Kind.NUMBER, Kind.FULL):
        if _by_values(dataset, key, kinds, rows, binary_numbers=binary_numbers):
            return {Kind.EMAIL: "email", Kind.NUMBER: "number", Kind.FULL: "name"}[key] + "+values"
    return ""


def _own_runs(dataset: Dataset, text: str) -> list[str]:
    return [run for run in runs_of(text) if dataset.runs.get(run) == 1]


def _has_name(kinds: Sequence[Kind]) -> bool:
    if Kind.FULL in kinds:
        return True
    both = {Kind.FIRST, Kind.LAST} <= set(kinds)
    return both and abs(kinds.index(Kind.FIRST) - kinds.index(Kind.LAST)) == 1


def _key(key: Kind, kinds: Sequence[Kind], row: Row) -> str:
    """Return what a row is known by; nothing where it does not have such a key."""
    if key is Kind.FULL and Kind.FULL not in kinds and _has_name(kinds):
        return f"{row[kinds.index(Kind.FIRST)]} {row[kinds.index(Kind.LAST)]}"
    if key not in kinds:
        return ""
    value = row[kinds.index(key)]
    return "" if key is Kind.NUMBER and len(value) < _KEY_DIGITS else value


def _by_values(
    dataset: Dataset,
    key: Kind,
    kinds: list[Kind],
    rows: Sequence[tuple[int, Row]],
    *,
    binary_numbers: bool,
) -> bool:
    confirming = {Kind.INCOME} | ({Kind.NUMBER} if key is not Kind.NUMBER else set())
    if binary_numbers:
        confirming -= {Kind.INCOME, Kind.NUMBER}
        if key is Kind.NUMBER:
            return False
    places = [at for at, kind in enumerate(kinds) if kind in confirming]
    if not places:
        return False
    known = {_key(key, _kinds(dataset), row): row for row in dataset.table.rows}
    chance = 0.0
    planted = set()
    if key is Kind.NUMBER and any(number == FOREIGN for number, _ in rows):
        return False
    for number, row in rows:
        theirs = known.get(_key(key, kinds, row) or "\0")
        if theirs is None:
            continue
        share = 1.0
        for at in places:
            value = theirs[_kinds(dataset).index(kinds[at])]
            digits = kinds[at] is Kind.NUMBER
            share *= 10.0 ** -len(value) if digits else dataset.frequency[kinds[at]][value]
        chance += share
        if number == FOREIGN and key is not Kind.EMAIL:
            return False
        if number != FOREIGN and share <= _TRACE:
            planted.add(number)
    k = len(planted)
    if key is not Kind.EMAIL and (k < 6 or k <= 3 * chance + 5):
        return False
    return k >= 3 and tail(chance, k) < _CHANCE


def _mingled(dataset: Dataset, kinds: list[Kind], rows: Sequence[tuple[int, Row]]) -> bool:
    """Whether foreign rows have names or numbers of the dataset, and values beside them."""
    if not {Kind.INCOME, Kind.ETHNICITY} & set(kinds):
        return False
    own = _kinds(dataset)
    for key in (Kind.FULL, Kind.NUMBER):
        known = {_key(key, own, row) for row in dataset.table.rows} - {""}
        if any(number == FOREIGN and _key(key, kinds, row) in known for number, row in rows):
            return True
    return False


def _kinds(dataset: Dataset) -> list[Kind]:
    return [column.kind for column in dataset.table.columns]


def tail(chance: float, k: int) -> float:
    """Return the Poisson probability of k or more."""
    if chance <= 0:
        return 0.0
    term = math.exp(-chance + k * math.log(chance) - math.lgamma(k + 1))
    total, n = 0.0, k
    while term > total * 1e-12 and n < k + 10_000:
        total += term
        n += 1
        term *= chance / n
    return min(total, 1.0)
