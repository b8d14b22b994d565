"""Values glued to other words, and what is not to be taken for them."""

from __future__ import annotations

import os

import pytest

from backends.contract import RecordClass
from shredder.fingerprint import FingerprintMatcher, Role
from shredder.fingerprint.engine import ROUTE
from tests.fingerprint.made import Table, enrolled

UUID = "7f3a619f-8b86-4011-b42d-00c04fc964ff"
ID, NUMBER, EMAIL, NAME = "R-000017", "1234567890", "ada@example.org", "größe-12345"
ROLES = {"uuid": Role.PRIVATE, "id": Role.PRIVATE, "number": Role.PRIVATE, "name": Role.PRIVATE}
TABLE = Table(("uuid", "id", "number", "name", "email"), [(UUID, ID, NUMBER, NAME, EMAIL)])
RECORD, PERSON, FOREIGN = RecordClass.RECORD, RecordClass.PERSON, RecordClass.FOREIGN


@pytest.fixture(scope="module", params=["numpy", "numba"])
def matcher(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> FingerprintMatcher:
    os.environ[ROUTE] = request.param
    try:
        matcher = enrolled(tmp_path_factory.mktemp("edges") / "fingerprint", TABLE, ROLES)
        matcher.scan()
    finally:
        del os.environ[ROUTE]
    return matcher


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"respondent_{UUID}.json", RECORD),
        (f"2021-{UUID}-2", RECORD),
        (f"x.{UUID.replace('-', '').upper()}@7", RECORD),
        (f"a{UUID}", FOREIGN),
        (f"{UUID}0", FOREIGN),
        (f"s3://bucket/survey_{ID}_2.csv.gz", RECORD),
        (f"{ID}.json", RECORD),
        (f"final-{ID}-final", RECORD),
        (f"{ID}@panel.example.com", RECORD),
        (f"{ID}-2", FOREIGN),
        (f"2-{ID}", FOREIGN),
        (f"{ID}7", FOREIGN),
        (f"answer_{NUMBER}", RECORD),
        (f"{NUMBER}.csv", RECORD),
        (f"{NUMBER}.50", FOREIGN),
        (f"0.{NUMBER}", FOREIGN),
        (f"{NUMBER}.0", RECORD),
        (f"user={EMAIL};id:7", PERSON),
        (f"mailto:{EMAIL}?x", PERSON),
        (f"{EMAIL}_2021.csv", PERSON),
        (f"--{EMAIL}...", PERSON),
        (f"„{EMAIL}“", PERSON),
        (f"\u00a0{EMAIL}\u00a0", PERSON),
        (f"x.{EMAIL}", FOREIGN),
        (f"x_{EMAIL}", FOREIGN),
        (f"{EMAIL}.uk", FOREIGN),
        (f"{EMAIL}-x", FOREIGN),
        (f"\u00a0{UUID}\u00a0", RECORD),
        (f"foto_{NAME}.png", RECORD),
        (f"foto_{NAME.upper()}_2", RECORD),
        (f"ä{NAME}", FOREIGN),
        (f"{NAME}6", FOREIGN),
        ("." * 200 + EMAIL + "." * 200, PERSON),
    ],
)
def test_what_is_glued(matcher: FingerprintMatcher, text: str, kind: RecordClass) -> None:
    block = f"nothing {text} here".encode()
    assert matcher.scan().feed(block, [len(block)]) == bytes([kind])
    alone = text.encode()
    assert matcher.scan().feed(alone, [len(alone)]) == bytes([kind])
