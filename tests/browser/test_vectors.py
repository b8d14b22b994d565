"""Published vectors in the page: Wycheproof's, by the signatures that the page itself checks."""

from __future__ import annotations

import base64
import json
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.page import Page
from tests.needs import VECTORS

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("vectors")]

SPKI_OF_ML_DSA_65 = bytes.fromhex("308207b2300b0609608648016503040312038207a100")  # RFC 9881


@dataclass(frozen=True)
class Vector:
    """One signature, and what is said of it."""

    title: str
    key: bytes  # a SubjectPublicKeyInfo
    message: bytes
    signature: bytes
    valid: bool
    context: bool = False

    @property
    def arguments(self) -> list[str]:
        lines = "\n".join(textwrap.wrap(base64.b64encode(self.key).decode(), 64))
        pem = f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"
        return [pem, *(base64.b64encode(x).decode() for x in (self.message, self.signature))]


def vectors(name: str) -> list[Vector]:
    data: dict[str, Any] = json.loads((VECTORS / "wycheproof" / name).read_text())
    return [
        Vector(
            f"{test['tcId']} {test['comment']}",
            bytes.fromhex(group["publicKeyDer"])
            if "publicKeyDer" in group
            else _framed(bytes.fromhex(group["publicKey"])),
            bytes.fromhex(test["msg"]),
            bytes.fromhex(test["sig"]),
            test["result"] == "valid",
            bool(test.get("ctx")),
        )
        for group in data["testGroups"]
        for test in group["tests"]
    ]


def _framed(raw: bytes) -> bytes:
    """A raw key of ML-DSA-65 in its frame; one of another length in the frame that it would have."""
    bits = b"\x03\x82" + (len(raw) + 1).to_bytes(2, "big") + b"\0" + raw
    body = SPKI_OF_ML_DSA_65[4:17] + bits
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def answers(page: Page, given: list[Vector]) -> list[str]:
    """Of each: `yes`, `no`, or the code that refuses the key."""
    found: list[str] = page.wait(
        "(async () => { const found = [];"
        f" for (const each of {json.dumps([each.arguments for each in given])})"
        " found.push(await shredderVerifier.hasSigned(...each)"
        "   .then((made) => made ? 'yes' : 'no', (error) => error.code ?? String(error)));"
        " return found })()"
    )
    return found


def wrong(given: list[Vector], found: list[str], expected: list[bool]) -> list[str]:
    """Those of which another answer was expected."""
    known = {"yes", "no", "E_POLICY", "E_WEAK_KEY"}
    rows = zip(given, found, expected, strict=True)
    return [
        f"{each.title}: {answer}"
        for each, answer, valid in rows
        if answer not in known or (answer == "yes") != valid
    ]


@pytest.mark.parametrize(
    ("name", "least"), [("ed25519_test.json", 140), ("ecdsa_secp256r1_sha256_test.json", 400)]
)
def test_classical_vectors(page: Page, name: str, least: int) -> None:
    """As published, without a difference."""
    given = vectors(name)
    assert len(given) > least
    assert wrong(given, answers(page, given), [each.valid for each in given]) == []


def test_vectors_of_r_next_to_s_are_all_refused(page: Page) -> None:
    """They are not DER, however valid they are."""
    given = vectors("ecdsa_secp256r1_sha256_p1363_test.json")
    assert len(given) > 200
    assert wrong(given, answers(page, given), [False] * len(given)) == []


def test_vectors_of_ml_dsa_65(page: Page) -> None:
    """With two expected differences, the same as in Python, and no other.

    A signature made with a context is valid under that context; ours is always the empty one, so
    that it is refused. A key of zeros has signatures that fit, which anyone can make; no policy may
    hold such a key, so that they are refused with it.
    """
    given = vectors("mldsa_65_verify_test.json")
    assert len(given) > 200
    different: Counter[str] = Counter()
    expected = []
    for each in given:
        why = ""
        if each.valid and each.context:
            why = "context"
        elif each.valid and not any(each.key[len(SPKI_OF_ML_DSA_65) + 32 :]):
            why = "zero key"
        different[why] += 1
        expected.append(each.valid and not why)
    assert wrong(given, answers(page, given), expected) == []
    assert (different["context"], different["zero key"]) == (2, 2)
