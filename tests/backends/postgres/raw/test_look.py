"""Bytes of which nothing is known: a literal in a tree is found by the numbers of its bytes."""

from __future__ import annotations

import pytest

from backends.conformance import records
from backends.contract import Verdict
from backends.postgres.raw.look import Look
from tests.backends.postgres.place import DATASET

LITERAL = bytes((0xF0, 0, 0, 0)) + f"Zoë {records(1)[0].respondent_id} Zoë".encode()
SIGNED = " ".join(str(byte - 256 if byte > 127 else byte) for byte in LITERAL)
UNSIGNED = " ".join(map(str, LITERAL))


def seen(data: bytes) -> Verdict | None:
    look = Look(DATASET)
    look.bytes(data)
    return look.seen().verdict


@pytest.mark.parametrize("numbers", [SIGNED, UNSIGNED])
@pytest.mark.parametrize("around", ["{}", "{{CONST :constvalue 60 [ {} ]}}", "[ {} "])
def test_a_literal_is_found_as_its_machine_spells_it(numbers: str, around: str) -> None:
    expected = Verdict.COPY if "[" in around else None
    assert expected is seen(around.format(numbers).encode())


def test_one_in_what_was_compressed_is_found() -> None:
    look = Look(DATASET)
    look.value(f":constvalue 60 [ {SIGNED} ]".encode())
    assert Verdict.COPY is look.seen().verdict


def test_lists_of_numbers_are_no_literals() -> None:
    assert None is seen(b"[ 1 2 ] [ 1000 2000 3000 4000 5000 ] [ -999 999 -1 -1 0 ] [ 1, 2, 3, 4 ]")


def test_its_bytes_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bytes] = []
    monkeypatch.setattr(Look, "value", lambda _, data: found.append(data))
    Look(DATASET).raw(f"[ {SIGNED} ]\0[ {UNSIGNED} ]".encode())
    assert found == [LITERAL, LITERAL]
