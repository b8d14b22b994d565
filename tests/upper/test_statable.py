"""What is let into a configuration is what an attestation can state: the two are held together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.consistency import check_personal_data
from attestations.errors import Refused
from attestations.parts import Actor, Controller, Request, ScopeCoverage
from attestations.schema import decode, encode, fields, to_bytes
from backends.contract import (
    Cost,
    Destruction,
    Finding,
    Gap,
    KeyErasure,
    Known,
    Method,
    Result,
    Scope,
    Technique,
    Verification,
)
from shredder import answers
from shredder.statable import MOST, not_a_code, not_a_label, not_an_identifier
from tests.upper import made
from tests.upper.scripted import holding

WRONG: dict[str, Any] = {"exclusive": "no"}
anything = st.text(max_size=210) | st.from_regex(r"[a-z0-9-]{1,70}", fullmatch=True)
anything |= st.sampled_from(
    ["ann@example.org", "x@y.z", "<a@b.c>", '"a@b.c"', "a @ b.c", "gdpr-art-17"]
)


def accepted(value: Any, kind: type) -> bool:
    """Whether an attestation takes it: the schema, JSON, and no personal data."""
    try:
        to_bytes(value)
        decode(kind, encode(value), "value")
        check_personal_data(encode(value), "value")
    except (Refused, UnicodeEncodeError):
        return False
    return True


@given(anything)
def test_a_label_is_one_in_an_attestation(text: str) -> None:
    if not not_a_label(text):
        assert accepted(Controller(text), Controller)


@given(anything)
def test_a_code_is_one_in_an_attestation(text: str) -> None:
    if not not_a_code(text):
        assert accepted(Request(text), Request)


@given(anything)
def test_an_identifier_is_one_in_an_attestation(text: str) -> None:
    if not not_an_identifier(text):
        assert accepted(Actor("operator", text), Actor)


@pytest.mark.parametrize("text", ['Example "Ltd" & Söhne', "x" * 200, "Ministry of Works, Dept. 3"])
def test_names_of_organisations_are_labels(text: str) -> None:
    assert not_a_label(text) == ""


@pytest.mark.parametrize(
    "text",
    ["", "x" * 201, "ann@example.org", "mail a.b@c.example!", "two\nlines", "\x1b[2J", "\u202e"],
)
def test_what_is_no_label(text: str) -> None:
    assert not_a_label(text)


def test_where_labels_of_backends_stand_there_are_labels() -> None:
    """The fields that a store's own words go to are held to what `not_a_label` is held to."""
    stated = fields(ScopeCoverage)
    label = fields(Controller)["name"]
    assert stated["identity"] == label
    assert stated["asOf"] == label | None


# --- answers of backends ---


@given(made.wild_labels)
def test_an_identity_can_be_stated_whatever_it_is(text: Any) -> None:
    assert not_a_label(answers.identity(text)) == ""


def test_an_identity_that_cannot_be_stated_still_tells_stores_apart() -> None:
    told = answers.identity("s3:ops@example.org")
    assert told.startswith("digest:")
    assert told == answers.identity("s3:ops@example.org")
    assert told != answers.identity("s3:adm@example.org")
    assert answers.identity("memory:1") == "memory:1"


@given(made.wild_moments)
def test_a_moment_is_in_the_journals_form_or_none(text: Any) -> None:
    moment = answers.moment(text)
    assert moment == "" or answers.moment(moment) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2031-01-31T00:00:00Z", "2031-01-31T00:00:00.000000Z"),
        ("2031-01-31T02:00:00+02:00", "2031-01-31T00:00:00.000000Z"),
        ("2031-01-31T00:00:00", ""),
        ("2031-01-31", ""),
        ("soon", ""),
        (None, ""),
    ],
)
def test_moments(text: Any, moment: str) -> None:
    assert answers.moment(text) == moment


def test_codes_are_codes_in_order_each_once_and_not_too_many() -> None:
    assert answers.codes(["b", "a", "b", "No Code", None]) == ("a", "b", "backend-defect")
    many = answers.codes(f"code-{n:03}" for n in range(100))
    assert len(many) == 24
    assert many[-1] == "more-than-can-be-told"


def test_counts_that_are_none_are_left_out() -> None:
    said: dict[Any, Any] = {"a": 1, "b": -1, "c": True, "d": "1", "E F": 1, 7: 1, "g": 2**53}
    assert answers.numbers(said) == {"a": 1}


@pytest.mark.parametrize(
    ("said", "came"),
    [
        (Verification("o", Finding.ABSENT, ("listing",)), (Finding.ABSENT, "")),
        (Verification("o", Finding.ABSENT), (Finding.INCONCLUSIVE, "looked-nowhere")),
        (Verification("o", Finding.RESIDUE, ("rows",), "Bad Code"), (Finding.RESIDUE, "backend-defect")),
        (Verification("o", "gone", ("rows",)), (Finding.INCONCLUSIVE, "backend-defect")),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_absence_is_where_somebody_looked(said: Verification, came: tuple[Finding, str]) -> None:
    answer = answers.verification(said)
    assert (answer.finding, answer.reason) == came


def test_purge_is_not_claimed_by_word_alone() -> None:
    answer = answers.destruction(Destruction("o", Result.DESTROYED, Method.PURGE), BY_KEY)
    assert (answer.method, answer.limitations) == (Method.LOGICAL_DELETE, ("purge-not-shown",))


BY_KEY = Technique.CRYPTOGRAPHIC_ERASE
EARNED = KeyErasure(Known.NO, Known.NO, Known.NO, 128, 128, keys=2, destroyed=2)


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, Method.PURGE),
        ({"ever_in_clear": Known.YES}, Method.LOGICAL_DELETE),
        ({"ever_in_clear": Known.UNKNOWN}, Method.LOGICAL_DELETE),
        ({"escrowed": Known.UNKNOWN}, Method.LOGICAL_DELETE),
        ({"backed_up": Known.YES}, Method.LOGICAL_DELETE),
        ({"strength_bits": 127}, Method.LOGICAL_DELETE),
        ({"entropy_bits": 127}, Method.LOGICAL_DELETE),
        ({"keys": 0, "destroyed": 0}, Method.LOGICAL_DELETE),
    ],
)
def test_purge_is_claimed_by_the_conditions_of_an_erase(
    changes: dict[str, Any], method: Method
) -> None:
    said = Destruction("o", Result.DESTROYED, Method.PURGE, erasure=replace(EARNED, **changes))
    assert answers.destruction(said, BY_KEY).method is method


def test_what_a_living_key_opens_is_not_destroyed() -> None:
    said = Destruction("o", Result.DESTROYED, Method.PURGE, erasure=replace(EARNED, destroyed=1))
    answer = answers.destruction(said, BY_KEY)
    assert (answer.result, answer.reason) == (Result.FAILED, "backend-defect")


def test_a_result_that_is_none_is_a_failure() -> None:
    answer = answers.destruction(Destruction("o", "done"), BY_KEY)  # type: ignore[arg-type]
    assert (answer.result, answer.reason) == (Result.FAILED, "backend-defect")


@pytest.mark.parametrize(
    "changes",
    [
        {"store": "another"}, {"kind": "A Table"}, {"records": -1}, {"size": True},
        {"verdict": "copy!"}, {"obstacle": "It Is"}, {"retention": "Locked Up"},
        {"retained_until": "soon"}, {"locator": b"x"}, {"whole": "overwrite!"},
        {"details": {"phase": None}}, {"cost": "much"}, {"cost": Cost(**WRONG)},
        {"cost": Cost(writes=-1)}, {"cost": Cost(seconds=-1)}, {"whole": Technique.RECYCLE_WAL},
        {"partial": Technique.COMPACT},
    ],
)  # fmt: skip
def test_a_holding_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    assert answers.holding(holding(), "mem") == holding()
    with pytest.raises(answers.Unfitting):
        answers.holding(holding(**changes), "mem")


def test_a_gap_has_a_reason_and_is_none_of_what_was_examined() -> None:
    said = answers.gap(Gap("x", "examined", "", "place"), "desk")  # type: ignore[arg-type]
    assert (said.scope, said.status, said.reason, said.locator) == (
        "desk", "failed", "backend-defect", "place",
    )  # fmt: skip


def test_a_scopes_point_in_time_is_a_label_or_nothing() -> None:
    assert answers.scope(Scope("db", "0/1A2B")) == Scope("db", "0/1A2B")
    assert answers.scope(Scope("db", "x" * 300, "No Code")) == Scope("db", "", "backend-defect")


def test_a_number_that_no_json_reader_keeps_is_told_as_text() -> None:
    """Else the line of its holding could not be shown to an auditor."""
    told = answers.holding(holding(details={"big": -(2**61), "most": MOST, "text": "t"}), "mem")
    assert told.details == {"big": f"{-(2**61)}", "most": MOST, "text": "t"}
