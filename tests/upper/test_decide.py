"""What is to become of a holding: the truth table, and what holds for every holding there is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import Holding, Technique, Verdict
from backends.errors import BY_VALUES
from shredder.config import Location
from shredder.plan import Decision, Mixed, Options, Ruling, decide, is_declared
from tests.upper import made
from tests.upper.scripted import holding

FORGET, REWRITE = Technique.FORGET, Technique.REWRITE_WITHOUT_RECORDS
RECYCLE, ERASE = Technique.RECYCLE_WAL, Technique.CRYPTOGRAPHIC_ERASE
LIKELY, MAYBE = Verdict.LIKELY, Verdict.MAYBE
WHOLE = Options(mixed=Mixed.WHOLE)
LATER = "2031-01-31T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("changes", "options", "decision", "technique", "whole", "reason"),
    [
        # certain and unmixed
        ({}, Options(), "destroy", FORGET, False, ""),
        ({"whole": None}, Options(), "impossible", None, False, "no-technique"),
        ({"whole": None, "obstacle": "view"}, Options(), "impossible", None, False, "view"),
        # certain and mixed
        ({"foreign_records": 2}, Options(), "destroy", REWRITE, False, ""),
        ({"foreign_records": None}, Options(), "destroy", REWRITE, False, ""),
        ({"foreign_records": 2}, WHOLE, "destroy", REWRITE, False, ""),
        ({"foreign_records": 2, "partial": None}, Options(), "undecided", None, False, "mixed"),
        ({"foreign_records": None, "partial": None}, Options(), "undecided", None, False, "mixed"),
        ({"foreign_records": 2, "partial": None}, WHOLE, "destroy", FORGET, True, ""),
        ({"foreign_records": None, "partial": None}, WHOLE, "destroy", FORGET, True, ""),
        ({"foreign_records": 2, "partial": None, "whole": None}, WHOLE, "impossible", None, False,
         "no-technique"),
        # mixed, and single records are told by what may be another's by chance
        ({"foreign_records": 2, "limitations": (BY_VALUES,)}, Options(), "undecided", None, False,
         "records-by-values"),
        ({"foreign_records": 2, "limitations": (BY_VALUES,)}, WHOLE, "destroy", FORGET, True, ""),
        ({"foreign_records": 0, "limitations": (BY_VALUES,)}, Options(), "destroy", FORGET, False, ""),
        # nothing to take out: a rewriting would not destroy it
        ({"foreign_records": 2, "records": None}, Options(), "undecided", None, False, "mixed"),
        # a copy among others' records that look the same: none of them is taken out, nor all
        ({"foreign_records": 9, "records": 0}, Options(), "undecided", None, False, "mixed"),
        ({"foreign_records": None, "records": 0, "partial": None, "obstacle": "no-certain-records"},
         Options(), "undecided", None, False, "no-certain-records"),
        # not certain
        ({"verdict": LIKELY}, Options(), "undecided", None, False, "verdict-likely"),
        ({"verdict": MAYBE}, Options(), "undecided", None, False, "verdict-maybe"),
        ({"verdict": LIKELY}, WHOLE, "undecided", None, False, "verdict-likely"),
        ({"verdict": LIKELY}, Options(include=frozenset({LIKELY})), "destroy", FORGET, False, ""),
        ({"verdict": LIKELY}, Options(include=frozenset({MAYBE})), "undecided", None, False,
         "verdict-likely"),
        ({"verdict": MAYBE}, Options(dismiss=frozenset({MAYBE})), "dismissed", None, False,
         "verdict-maybe"),
        # an unfinished upload: nobody can look, and to include it is to decide on all of it
        ({"verdict": LIKELY, "foreign_records": None, "partial": None},
         Options(include=frozenset({LIKELY})), "destroy", FORGET, True, ""),
        # certain is certain, whatever is dismissed
        ({}, Options(dismiss=frozenset(Verdict)), "destroy", FORGET, False, ""),
        # locks come first
        ({"retention": "object-lock"}, WHOLE, "retained", None, False, "object-lock"),
        ({"retained_until": LATER}, Options(), "retained", None, False, "locked"),
        ({"retention": "object-lock", "verdict": MAYBE}, Options(dismiss=frozenset({MAYBE})),
         "retained", None, False, "object-lock"),
        # residue: what goes of it is nobody's, so nobody counts what is in it
        ({"foreign_records": None, "records": None, "partial": None, "whole": RECYCLE}, Options(),
         "destroy", RECYCLE, False, ""),
        ({"foreign_records": 7, "partial": None, "whole": RECYCLE}, WHOLE, "destroy", RECYCLE, False,
         ""),
        ({"verdict": LIKELY, "partial": None, "whole": RECYCLE}, Options(), "undecided", None, False,
         "verdict-likely"),
        # an erase by key is one of all that the key opens
        ({"whole": ERASE}, Options(), "destroy", ERASE, False, ""),
        ({"whole": ERASE, "foreign_records": 1, "partial": None}, Options(), "undecided", None,
         False, "mixed"),
    ],
)  # fmt: skip
def test_the_truth_table(
    changes: dict[str, Any],
    options: Options,
    decision: str,
    technique: Technique | None,
    whole: bool,
    reason: str,
) -> None:
    item = decide("i", holding(**changes), options, ())
    came = (item.decision.value, item.technique, item.whole, item.reason)
    assert came == (decision, technique, whole, reason)


@given(made.holdings(), made.options(), st.booleans())
def test_no_foreign_record_goes_without_the_operators_word(
    found: Holding, options: Options, declared: bool
) -> None:
    places = (Location("mem", "*"),) if declared else ()
    item = decide("i", found, options, places)
    if item.decision is not Decision.DESTROY:
        return
    if item.whole:
        unknown_and_included = found.foreign_records is None and found.verdict in options.include
        assert options.mixed is Mixed.WHOLE or unknown_and_included
        assert found.foreign_records != 0
        assert item.technique is found.whole
    else:
        assert item.technique is found.partial or found.foreign_records == 0 or found.residue


@given(made.holdings(), made.options())
def test_a_locked_holding_is_never_touched(found: Holding, options: Options) -> None:
    if found.retention or found.retained_until:
        item = decide("i", found, options, (Location("mem", "*"),))
        assert (item.decision, item.technique) == (Decision.RETAINED, None)
        assert item.reason


@given(made.holdings(), made.options())
def test_what_is_not_certain_goes_only_if_included_or_declared(
    found: Holding, options: Options
) -> None:
    item = decide("i", found, options, ())
    if item.decision is Decision.DESTROY:
        assert found.verdict is Verdict.COPY or found.verdict in options.include


@given(made.holdings(), made.options())
def test_every_item_says_how_or_why_not(found: Holding, options: Options) -> None:
    item = decide("i", found, options, ())
    assert (item.technique is None) == bool(item.reason)
    assert (item.decision is Decision.DESTROY) == (item.technique is not None)
    assert item.technique is not Technique.CRYPTOGRAPHIC_ERASE
    assert item.holding == found
    if item.technique is None:
        with pytest.raises(ValueError, match="only a holding that is to be destroyed"):
            item.order()
    else:
        assert item.order().technique is item.technique


def test_a_declared_place_is_a_glob_over_locators_of_one_store() -> None:
    found = holding("desk/2018/a[1].csv", verdict=Verdict.MAYBE)
    assert is_declared(found, [Location("mem", "desk/2018/*")])
    assert not is_declared(found, [Location("other", "*"), Location("mem", "desk/2019/*")])
    assert not is_declared(found, [Location("mem", "DESK/2018/*")])
    item = decide("i", found, Options(), [Location("mem", "desk/*")])
    assert item.decision is Decision.DESTROY


def test_a_ruling_takes_out_what_may_be_anothers_by_chance() -> None:
    found = holding(foreign_records=2, limitations=(BY_VALUES,))
    item = decide("i", found, Options(), (), Ruling.DESTROY)
    assert (item.decision, item.technique, item.whole) == (Decision.DESTROY, REWRITE, False)
