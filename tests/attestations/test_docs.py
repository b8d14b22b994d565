"""The specification agrees with the code, table by table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from attestations import (
    Code,
    acceptance,
    annex,
    bundle,
    destruction,
    disclosure,
    envelope,
    outcome,
    parts,
    plan,
    policy,
    statement,
    tsa_client,
    validation,
)
from attestations.commitment import MAX_PATH
from attestations.log import note, tlogproof
from attestations.renewal import DOMAIN
from attestations.schema import describe, fields
from attestations.timestamp import DEFAULT_ACCURACY, MAX_ACCURACY

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "attestation.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^###? (\w[^\n]*)\n(.*?)(?=^###? |\Z)", TEXT, re.MULTILINE | re.DOTALL))


NOT_WRITTEN = {
    policy.Trust, disclosure.Request, disclosure.HoldingShown, disclosure.Disclosed
}  # fmt: skip


def classes() -> Iterator[type]:
    for module in (parts, plan, destruction, validation, policy, disclosure, annex):
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and hasattr(value, "__dataclass_fields__") and value not in NOT_WRITTEN:
                yield value


def rows(section: str) -> list[list[str]]:
    """The cells of a section's first table, without its head."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("cls", list(classes()), ids=lambda cls: cls.__name__)
def test_a_table_has_a_classes_fields_in_order_with_their_types(cls: type) -> None:
    specified = [(name, kind) for name, kind, _ in rows(cls.__name__)]
    assert specified == [(name, describe(hint)) for name, hint in fields(cls).items()]
    assert all(len(meaning) > 3 for *_, meaning in rows(cls.__name__))


def test_every_table_of_fields_is_a_classes() -> None:
    tables = {name for name, body in SECTIONS.items() if "| field | type |" in body}
    assert tables == {cls.__name__ for cls in classes()}


def test_every_type_is_explained() -> None:
    explained = {name for name, _ in rows("Notation")} | {cls.__name__ for cls in classes()}
    kinds = {describe(hint) for cls in classes() for hint in fields(cls).values()}
    named = {re.split(r",| or ", kind.removeprefix("list of "))[0] for kind in kinds}
    assert {name for name in named if not re.match(r"one of|\d+ to \d+", name)} - explained == set()


def test_the_procedure_names_every_code_and_no_other() -> None:
    specified = [
        code for _, _, codes in rows("The procedure") for code in re.findall(r"`(E_\w+)`", codes)
    ]
    assert set(specified) == set(Code)
    assert set(re.findall(r"E_[A-Z0-9_]*[A-Z0-9]", TEXT)) == set(Code)


def test_the_steps_stand_in_the_code_as_numbers() -> None:
    source = Path(__file__).resolve().parents[2].joinpath("attestations/procedure.py").read_text()
    body = source.split("def verify(")[1].split("\ndef ")[0]
    numbers = [int(n) for line in re.findall(r"# (.*)", body) for n in re.findall(r"(?<!\w)(\d+) [a-z]", line)]  # fmt: skip
    assert numbers == list(range(1, 17))
    assert [row[0] for row in rows("The procedure")] == [str(n) for n in range(1, 17)]


def test_the_limits_are_the_codes() -> None:
    stated = {
        what: [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", most)]
        for what, most in rows("Limits")
    }
    assert stated == {
        "bundle": [bundle.LIMITS.size >> 20, bundle.LIMITS.depth, bundle.LIMITS.items],
        "envelope": [
            envelope.LIMITS.size >> 20,
            envelope.LIMITS.depth,
            envelope.LIMITS.items,
            envelope.MAX_SIGNATURES,
            envelope.MAX_SIGNATURE,
        ],
        "statement": [statement.LIMITS.size >> 20, statement.LIMITS.depth, statement.LIMITS.items],
        "timestamps of one envelope": [bundle.MAX_TOKENS, bundle.MAX_TOKEN],
        "renewals of one envelope": [bundle.MAX_RENEWALS, bundle.MAX_TOKEN],
        "log proof of one envelope": [tlogproof.MAX_PROOF, MAX_PATH],
        "signed note": [note.MAX_NOTE, note.MAX_SIGNATURES, note.MAX_NAME],
        "policy": [policy.LIMITS.size >> 20, policy.LIMITS.depth, policy.LIMITS.items],
        "disclosure": [
            disclosure.LIMITS.size >> 20,
            disclosure.LIMITS.depth,
            disclosure.LIMITS.items,
        ],
        "annex": [annex.LIMITS.size >> 10, annex.LIMITS.depth, annex.LIMITS.items],
    }
    assert tsa_client.MAX_RESPONSE == bundle.MAX_TOKEN
    assert (timedelta(seconds=1), timedelta(hours=1)) == (DEFAULT_ACCURACY, MAX_ACCURACY)


def test_names_and_types_are_the_codes() -> None:
    for name in (
        bundle.MEDIA_TYPE,
        annex.MEDIA_TYPE,
        disclosure.MEDIA_TYPE,
        policy.MEDIA_TYPE,
        envelope.PAYLOAD_TYPE,
        statement.STATEMENT_TYPE,
        statement.PLAN_TYPE,
        statement.DESTRUCTION_TYPE,
        statement.VALIDATION_TYPE,
        acceptance.MEDIA_TYPE,
        tlogproof.HEADER,
        DOMAIN.decode(),
    ):
        assert f"`{name}`" in TEXT


def test_every_obstacle_is_explained_and_no_other() -> None:
    specified = {
        code for first, _ in rows("The outcome") for code in re.findall(r"`([\w-]+)`", first)
    }
    assert specified == set(outcome.Obstacle)
