"""The class is the schema: what it does not say is refused, each with its code."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from attestations import Code, Destruction, Plan, Refused, from_payload, to_payload
from attestations.schema import camel, decode, encode, to_bytes
from attestations.strict_json import dumps
from tests.attestations import made

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar of a JSON value with the way to it, and every empty list."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif isinstance(value, list) and value:
        for n, each in enumerate(value):
            yield from leaves(each, (*path, n))
    else:
        yield path, value


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy with one place changed; Ellipsis takes it out."""
    spoilt = copy.deepcopy(value)
    place = spoilt
    for step in path[:-1]:
        place = place[step]
    if new is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return spoilt


PLAN = made.plan()
RESULT: dict[str, Any] = encode(made.result(PLAN))  # type: ignore[assignment]


def refused(value: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(Destruction, value, "predicate")
    return caught.value


def test_a_predicate_reads_as_it_was_written() -> None:
    assert made.result(PLAN) == decode(Destruction, encode(made.result(PLAN)), "predicate")
    assert decode(Plan, encode(PLAN), "predicate") == PLAN


@pytest.mark.parametrize(
    "path", [p for p, _ in leaves(RESULT)], ids=lambda p: ".".join(map(str, p))
)
def test_every_field_must_be_there_and_of_its_type(path: Path) -> None:
    if isinstance(path[-1], str):
        gone = refused(put(RESULT, path, ...))
        assert gone.verdict == Code.E_SCHEMA
        assert path[-1] in gone.message
    wrongs: list[Any] = [3.5, {"a": 1}, [[]], True, -1, "\x00" * 300, ""]
    for wrong in wrongs:
        place = dict(leaves(RESULT))[path]
        if isinstance(place, bool) and isinstance(wrong, bool):
            continue
        code = refused(put(RESULT, path, wrong)).verdict
        assert code in {Code.E_SCHEMA, Code.E_UNKNOWN_FIELD}


@pytest.mark.parametrize(
    "path",
    [(), ("controller",), ("targets", 0), ("targets", 0, "verification"), ("sweep",), ("sweep", "coverage", 0), ("times",)],
    ids=lambda p: ".".join(map(str, p)) or "top",
)  # fmt: skip
def test_an_unknown_field_is_refused_at_every_depth(path: Path) -> None:
    error = refused(put(RESULT, (*path, "note"), "x"))
    assert error.verdict == Code.E_UNKNOWN_FIELD
    assert "note" in error.message


def test_an_unknown_fields_name_cannot_steer_a_terminal() -> None:
    message = refused(put(RESULT, ("\x1b[31m" + "x" * 500,), 1)).message
    assert "\x1b" not in message
    assert len(message) < 120


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("outcome",), "Complete"),
        (("outcome",), "done"),
        (("targets", 0, "method"), "destroy"),
        (("targets", 0, "status"), "destroyed"),
        (("targets", 0, "holdings"), True),
        (("targets", 0, "holdings"), "3"),
        (("targets", 0, "whole"), 1),
        (("targets", 0, "technique"), "Over Write"),
        (("targets", 0, "limitations"), ["a", "a"]),
        (("targets", 0, "limitations"), ["a"] * 100),
        (("inventory", "root"), "sha256:" + "A" * 64),
        (("inventory", "root"), "sha256:" + "0" * 63),
        (("inventory", "root"), "md5:" + "0" * 32),
        (("inventory", "root"), "\uff10" * 71),
        (("issuedAt",), "2026-10-01T12:00:00+05:30"),
        (("issuedAt",), "2026-W40-4"),
        (("issuedAt",), 1790856000),
        (("attestationId",), "../../etc"),
        (("attestationId",), "a" * 65),
        (("controller", "name"), "x" * 201),
        (("controller",), "x"),
        (("approvers",), {}),
    ],
)
def test_a_value_outside_of_its_rule_is_refused(path: Path, value: object) -> None:
    assert refused(put(RESULT, path, value)).verdict == Code.E_SCHEMA


def test_what_no_auditor_would_accept_is_not_written() -> None:
    for spoilt in (
        replace(PLAN, attestation_id="../x"),
        replace(PLAN, controller=replace(PLAN.controller, name="\udcff")),
        replace(PLAN, limitations=("twice", "twice")),
        replace(PLAN, inventory=replace(PLAN.inventory, size=-1)),
        replace(PLAN, inventory=replace(PLAN.inventory, size=2**53)),
    ):
        with pytest.raises(Refused):
            to_payload(spoilt)


def test_a_naive_time_is_not_written() -> None:
    with pytest.raises(Refused) as caught:
        to_bytes(replace(PLAN, issued_at=datetime(2026, 10, 1)))
    assert caught.value.verdict == Code.E_SCHEMA


def test_names_become_camel_case() -> None:
    assert camel("holdings_unknown_records") == "holdingsUnknownRecords"
    assert camel("plan") == "plan"


# --- The statement round it ----------------------------------------------------------------


def statement(path: Path, new: Any) -> bytes:
    _, good = made.statements(made.bundle())
    return dumps(put(good, path, new))


@pytest.mark.parametrize(
    ("path", "new", "code"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1", Code.E_TYPE),
        (("predicateType",), "https://shredder.invalid/attestation/destruction/v2", Code.E_TYPE),
        (("predicateType",), "https://shredder.invalid/attestation/destruction-plan/v1", Code.E_TYPE),
        (("predicateType",), "https://slsa.dev/provenance/v1", Code.E_TYPE),
        (("predicateType",), 1, Code.E_TYPE),
        (("predicateType",), ..., Code.E_SCHEMA),
        (("predicate",), ..., Code.E_SCHEMA),
        (("predicate",), None, Code.E_SCHEMA),
        (("extra",), 1, Code.E_UNKNOWN_FIELD),
        (("subject",), [], Code.E_REF),
        (("subject", 0, "digest", "sha256"), "0" * 64, Code.E_REF),
        (("subject", 0, "name"), "else", Code.E_REF),
        (("subject", 0, "uri"), "https://example.com", Code.E_REF),
    ],
)  # fmt: skip
def test_a_spoilt_statement_is_refused_with_its_code(path: Path, new: Any, code: Code) -> None:
    with pytest.raises(Refused) as caught:
        from_payload(statement(path, new), Destruction)
    assert caught.value.verdict == code


def test_a_statement_that_is_no_object_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        from_payload(b"[]", Plan)
    assert caught.value.verdict == Code.E_SCHEMA
