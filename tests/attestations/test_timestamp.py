"""RFC 3161 tokens: real ones, published ones, and forged ones, each with its code."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from attestations import Code, Refused, request_timestamp, timestamp
from attestations.timestamp import Authority, UnknownAuthority, verify
from demo.servers.tsa import POLICY_OID, TimestampAuthority
from tests.attestations import made
from tests.attestations.forge import BEGIN, END, POLICY, Certified, Forge, certify
from tests.needs import VECTORS

MESSAGE = b"an envelope's bytes"
WHEN = made.at(30)


def authority(forge: Forge, *, pin: str = "leaf", **changes: Any) -> Authority:
    assert forge.leaf is not None
    made_of = Authority(
        name="Forged TSA",
        roots=(forge.root.certificate,),
        leaves=(forge.leaf.certificate,) if pin == "leaf" else (),
        policies=frozenset({POLICY}) if pin == "policy" else frozenset(),
    )
    return replace(made_of, **changes)


def refusal(token: bytes, *authorities: Authority, now: datetime = made.NOW) -> Code:
    with pytest.raises(Refused) as caught:
        verify(token, MESSAGE, authorities, now=now)
    return caught.value.verdict


# --- Real ones -----------------------------------------------------------------------------


@pytest.mark.needs("openssl")
def test_a_real_authoritys_token_is_accepted_here_and_by_openssl(
    tsa: TimestampAuthority, tmp_path: Path
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    token = request_timestamp(MESSAGE, tsa.url)
    real = Authority(
        name="real",
        roots=(x509.load_pem_x509_certificate(tsa.root_pem.encode()),),
        leaves=(x509.load_pem_x509_certificate(tsa.leaf_pem.encode()),),
        policies=frozenset({POLICY_OID}),
    )
    stamp = verify(token, MESSAGE, [real], now=datetime.now(UTC))
    assert before <= stamp.time <= datetime.now(UTC)
    assert stamp.accuracy == timedelta(seconds=1)
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "root.pem").write_text(tsa.root_pem)
    digest = hashlib.sha256(MESSAGE).hexdigest()
    command = ["openssl", "ts", "-verify", "-in", "token", "-CAfile", "root.pem", "-digest"]
    done = subprocess.run([*command, digest], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    other = hashlib.sha256(b"else").hexdigest()
    done = subprocess.run([*command, other], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    with pytest.raises(Refused) as caught:
        verify(token, b"else", [real], now=datetime.now(UTC))
    assert caught.value.verdict == Code.E_TS_IMPRINT


@pytest.mark.needs("openssl")
def test_openssl_accepts_what_the_tests_forge(forge: Forge, tmp_path: Path) -> None:
    """The forge is right where it does not mean to be wrong."""
    (tmp_path / "token").write_bytes(forge.stamp(MESSAGE, WHEN))
    (tmp_path / "root.pem").write_text(forge.root.pem)
    digest = hashlib.sha256(MESSAGE).hexdigest()
    details = ["-digest", digest, "-attime", str(int(WHEN.timestamp()))]
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", "token", "-CAfile", "root.pem", *details],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- Forged ones: good ---------------------------------------------------------------------


@pytest.mark.parametrize("pin", ["leaf", "policy"])
def test_a_token_is_accepted_by_its_pin(forge: Forge, pin: str) -> None:
    stamp = verify(forge.stamp(MESSAGE, WHEN), MESSAGE, [authority(forge, pin=pin)], now=made.NOW)
    assert (stamp.time, stamp.latest) == (WHEN, WHEN + timedelta(seconds=1))


def test_a_token_without_its_certificate_is_accepted_by_the_pinned_one(forge: Forge) -> None:
    token = forge.stamp(MESSAGE, WHEN, embed=())
    assert verify(token, MESSAGE, [authority(forge)], now=made.NOW).time == WHEN
    assert refusal(token, authority(forge, pin="policy")) == Code.E_TS_CHAIN


def test_a_certificate_that_has_ended_since_was_valid_then(forge: Forge) -> None:
    later = END + timedelta(days=3650)
    stamp = verify(forge.stamp(MESSAGE, WHEN), MESSAGE, [authority(forge)], now=later)
    assert stamp.time == WHEN


def test_an_intermediate_may_come_from_the_policy_or_the_token() -> None:
    root = certify("Root")
    middle = certify("Middle", root, ca=True)
    forge = Forge(root=root, leaf=certify("TSA", middle))
    assert forge.leaf is not None
    token = forge.stamp(MESSAGE, WHEN, embed=(forge.leaf.der, middle.der))
    assert verify(token, MESSAGE, [authority(forge)], now=made.NOW).time == WHEN
    token = forge.stamp(MESSAGE, WHEN)
    assert refusal(token, authority(forge)) == Code.E_TS_CHAIN
    known = authority(forge, intermediates=(middle.certificate,))
    assert verify(token, MESSAGE, [known], now=made.NOW).time == WHEN


def test_a_missing_accuracy_means_a_second(forge: Forge) -> None:
    stamp = verify(
        forge.stamp(MESSAGE, WHEN, accuracy=None), MESSAGE, [authority(forge)], now=made.NOW
    )
    assert stamp.accuracy == timedelta(seconds=1)


def test_a_fraction_of_a_second_counts(forge: Forge) -> None:
    stamp = verify(
        forge.stamp(MESSAGE, WHEN, fraction=".25"), MESSAGE, [authority(forge)], now=made.NOW
    )
    assert stamp.time == WHEN + timedelta(milliseconds=250)


# --- Forged ones: bad ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"status": 1}, Code.E_TS_POLICY),  # grantedWithMods
        ({"status": 2}, Code.E_TS_POLICY),
        ({"status": 77}, Code.E_TS_POLICY),
        ({"imprint": hashlib.sha256(b"else").digest()}, Code.E_TS_IMPRINT),
        ({"imprint": hashlib.sha1(MESSAGE).digest(), "imprint_oid": "1.3.14.3.2.26"}, Code.E_TS_IMPRINT),
        ({"imprint_oid": "2.16.840.1.101.3.4.2.8"}, Code.E_TS_IMPRINT),  # SHA3-256
        ({"signature_flip": True}, Code.E_TS_CHAIN),
        ({"named": b"another certificate"}, Code.E_TS_CHAIN),
        ({"policy": "1.3.6.1.4.1.32473.2"}, Code.E_TS_POLICY),
        ({"extension": True}, Code.E_TS_PARSE),
        ({"signers": 2}, Code.E_TS_PARSE),
        ({"signers": 0}, Code.E_TS_PARSE),
        ({"content": "1.2.840.113549.1.7.1"}, Code.E_TS_PARSE),
        ({"accuracy": timedelta(hours=2)}, Code.E_TS_PARSE),
        ({"accuracy": timedelta(days=10**6)}, Code.E_TS_PARSE),
        ({"fraction": ".10"}, Code.E_TS_PARSE),
    ],
    ids=str,
)  # fmt: skip
def test_a_spoilt_token_is_refused_with_its_code(
    forge: Forge, spoilt: dict[str, Any], code: Code
) -> None:
    both = authority(forge, policies=frozenset({POLICY}))
    assert refusal(forge.stamp(MESSAGE, WHEN, **spoilt), both) == code


@pytest.mark.parametrize(
    "text",
    [b"20261331120000Z", b"20260230120000Z", b"20261001240000Z", b"20261001126000Z", b"00001001120000Z", b"20261001120060Z", b"202610011200Z", b"20261001120000+0000", b"20261001120000", b"261001120000Z", b"20261001120000,5Z", b"2026100112000\xb2Z"],
)  # fmt: skip
def test_a_time_in_any_other_form_is_refused(forge: Forge, text: bytes) -> None:
    assert refusal(forge.at(MESSAGE, text), authority(forge)) == Code.E_TS_PARSE


def test_a_token_from_outside_of_its_certificates_life_is_refused(forge: Forge) -> None:
    for when in (BEGIN - timedelta(seconds=1), END + timedelta(seconds=1)):
        token = forge.stamp(MESSAGE, when)
        assert refusal(token, authority(forge), now=END + timedelta(days=1)) == Code.E_TS_WINDOW


def test_a_token_from_outside_of_its_roots_life_is_refused() -> None:
    root = certify("Root", end=made.at(0))
    forge = Forge(root=root, leaf=certify("TSA", root))
    assert refusal(forge.stamp(MESSAGE, WHEN), authority(forge)) == Code.E_TS_WINDOW


def test_a_token_of_the_future_is_refused(forge: Forge) -> None:
    token = forge.stamp(MESSAGE, made.NOW + timedelta(seconds=2))
    assert refusal(token, authority(forge)) == Code.E_TS_WINDOW


@pytest.mark.parametrize("pin", ["leaf", "policy"])
def test_an_attackers_root_in_the_token_is_no_root(forge: Forge, pin: str) -> None:
    attacker = Forge()
    assert attacker.leaf is not None
    token = attacker.stamp(MESSAGE, WHEN, embed=(attacker.leaf.der, attacker.root.der))
    assert refusal(token, authority(forge, pin=pin)) == Code.E_TS_CHAIN


@pytest.mark.parametrize("pin", ["leaf", "policy"])
def test_an_attackers_own_certificate_is_no_root(forge: Forge, pin: str) -> None:
    """Self-signed, and for time-stamping: to be taken for a pinned one."""
    lone = certify("Root", ca=False)
    attacker = Forge(root=lone, leaf=lone)
    assert refusal(attacker.stamp(MESSAGE, WHEN), authority(forge, pin=pin)) == Code.E_TS_CHAIN


def test_another_authority_under_the_same_root_is_another(forge: Forge) -> None:
    other = Forge(root=forge.root, leaf=certify("Other TSA", forge.root))
    token = other.stamp(MESSAGE, WHEN)
    with pytest.raises(UnknownAuthority) as caught:
        verify(token, MESSAGE, [authority(forge)], now=made.NOW)
    assert caught.value.verdict == Code.E_TS_CHAIN
    # The policy's OID does not tell them apart; that is for roots that sign for one authority.
    assert verify(token, MESSAGE, [authority(forge, pin="policy")], now=made.NOW).time == WHEN


def test_a_certificate_of_the_pinned_ones_name_and_number_is_not_it(forge: Forge) -> None:
    assert forge.leaf is not None
    evil_root = Certified(certify("Root").key, forge.root.certificate)  # its name, another key
    serial = forge.leaf.certificate.serial_number
    attacker = Forge(root=evil_root, leaf=certify("TSA", evil_root, serial=serial))
    assert attacker.leaf is not None
    for embed in ((attacker.leaf.der,), (attacker.leaf.der, forge.leaf.der), (forge.leaf.der,), ()):
        for pin in ("leaf", "policy"):
            token = attacker.stamp(MESSAGE, WHEN, embed=embed)
            assert refusal(token, authority(forge, pin=pin)) == Code.E_TS_CHAIN


def test_a_leaf_cannot_sign_for_another_leaf(forge: Forge) -> None:
    """A certificate of the same root, for another purpose, is no intermediate."""
    assert forge.leaf is not None
    sub = certify("Sub", forge.leaf)
    attacker = Forge(root=forge.root, leaf=sub)
    token = attacker.stamp(MESSAGE, WHEN, embed=(sub.der, forge.leaf.der))
    assert refusal(token, authority(forge, pin="policy")) == Code.E_TS_CHAIN


@pytest.mark.parametrize(
    ("usages", "critical"),
    [
        (None, True),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False),
        ((ExtendedKeyUsageOID.CODE_SIGNING,), True),
        ((ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True),
        ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), True),
        # OpenSSL overlooks a purpose that it does not know.
        ((ExtendedKeyUsageOID.TIME_STAMPING, x509.ObjectIdentifier("1.3.6.1.4.1.32473.7")), True),
    ],
    ids=["none", "not critical", "other", "two", "any", "unknown"],
)
@pytest.mark.parametrize("pin", ["leaf", "policy"])
def test_a_certificate_that_is_not_for_time_stamping_alone_is_refused(
    usages: tuple[x509.ObjectIdentifier, ...] | None, critical: bool, pin: str
) -> None:
    root = certify("Root")
    forge = Forge(root=root, leaf=certify("TSA", root, usages=usages, critical=critical))
    assert refusal(forge.stamp(MESSAGE, WHEN), authority(forge, pin=pin)) == Code.E_TS_CHAIN


def test_our_own_checks_hold_without_the_librarys(forge: Forge) -> None:
    """Who may issue, and which certificate is the signer's: OpenSSL would say so, too."""
    assert forge.leaf is not None
    sub = certify("Sub", forge.leaf)
    assert list(timestamp._issuers(sub.certificate, [forge.leaf.certificate])) == []
    issuers = timestamp._issuers(forge.leaf.certificate, [forge.root.certificate])
    assert list(issuers) == [forge.root.certificate]
    twin = certify("TSA", forge.root, serial=forge.leaf.certificate.serial_number)
    read = timestamp._read(forge.stamp(MESSAGE, WHEN, embed=(forge.leaf.der, twin.der)))
    for pin in ("leaf", "policy"):
        with pytest.raises(UnknownAuthority):
            timestamp._leaf(authority(forge, pin=pin), read)


def test_no_authority_accepts_nothing(forge: Forge) -> None:
    assert refusal(forge.stamp(MESSAGE, WHEN)) == Code.E_TS_CHAIN


def test_each_authority_of_several_is_tried(forge: Forge) -> None:
    other = Forge()
    for one in (forge, other):
        token = one.stamp(MESSAGE, WHEN)
        found = verify(
            token,
            MESSAGE,
            [authority(forge), authority(other, name="Other")],
            now=made.NOW,
        )
        assert found.authority == ("Other" if one is other else "Forged TSA")


FIXED = Forge()
TOKEN = FIXED.stamp(MESSAGE, WHEN)


@given(
    st.lists(st.tuples(st.integers(0, len(TOKEN) - 1), st.integers(0, 7)), min_size=1, max_size=3),
    st.integers(-1, len(TOKEN) - 1),
)
def test_no_spoilt_byte_gives_another_time_or_a_foreign_exception(
    flips: list[tuple[int, int]], cut: int
) -> None:
    token = bytearray(TOKEN)
    for place, bit in flips:
        token[place] ^= 1 << bit
    spoilt = bytes(token) if cut < 0 or cut % 2 else bytes(token[:cut])
    try:
        stamp = verify(spoilt, MESSAGE, [authority(FIXED)], now=made.NOW)
    except Refused:
        return
    assert stamp.time == WHEN


@pytest.mark.parametrize("token", [b"", b"0", b"nonsense", b"\x30\x80", b"\x30" * 500, b"\x30\x84\xff\xff\xff\xff"])  # fmt: skip
def test_nonsense_is_no_token(forge: Forge, token: bytes) -> None:
    assert refusal(token, authority(forge)) == Code.E_TS_PARSE


# --- Published ones ------------------------------------------------------------------------


def fixture(name: str) -> bytes:
    return (VECTORS / "rfc3161" / name).read_bytes()


def published(name: str) -> Authority:
    """An authority of a published chain: the leaf first, the root last."""
    leaf, *middle, root = x509.load_pem_x509_certificates(fixture(name))
    return Authority("published", roots=(root,), intermediates=tuple(middle), leaves=(leaf,))


@pytest.mark.needs("vectors")
@pytest.mark.parametrize(
    ("token", "message", "code"),
    [
        ("sigstage/response-sha256.tsr", b"hello", None),
        ("sigstage/response-no-embedded-cert.tsr", b"hello", None),
        ("sigstage/response-sha256.tsr", b"hell0", Code.E_TS_IMPRINT),
        # The library takes SHA-384 and SHA-512 imprints; the specification has SHA-256 alone.
        ("sigstage/response-sha384.tsr", b"hello", Code.E_TS_IMPRINT),
        ("sigstage/response-sha512.tsr", b"hello", Code.E_TS_IMPRINT),
        ("test_tsa/response.tsr", b"hello", Code.E_TS_IMPRINT),
        ("sigstage/response-invalid-signature.tsr", b"hello", Code.E_TS_CHAIN),
    ],
)
def test_published_tokens(token: str, message: bytes, code: Code | None) -> None:
    known = published(f"{Path(token).parent}/ts_chain.pem")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    if code is None:
        assert verify(fixture(token), message, [known], now=now).time.year == 2025
    else:
        with pytest.raises(Refused) as caught:
            verify(fixture(token), message, [known], now=now)
        assert caught.value.verdict == code


@pytest.mark.needs("vectors")
def test_a_published_token_outlives_its_certificate() -> None:
    stamp = verify(
        fixture("sigstore.mock/response-expired.tsr"),
        fixture("sigstore.mock/payload"),
        [published("sigstore.mock/ts_chain.pem")],
        now=datetime(2100, 1, 1, tzinfo=UTC),
    )
    assert stamp.time == datetime(2023, 2, 1, tzinfo=UTC)


@pytest.mark.needs("vectors")
def test_a_published_injection_of_certificates_changes_nothing() -> None:
    """A certificate "Spoofed TSA" lies in the token, beside the one that signed.

    Its imprint is SHA-512, which is refused before; so the signer is looked at by itself.
    """
    token = fixture("test_tsa/response-injected-certs.tsr")
    known = published("test_tsa/ts_chain.pem")
    with pytest.raises(Refused) as caught:
        verify(token, b"hello", [known], now=made.NOW)
    assert caught.value.verdict == Code.E_TS_IMPRINT
    read = timestamp._read(token)
    assert read.imprint == ("sha512", hashlib.sha512(b"hello").digest())
    assert timestamp._verify_by(known, read, made.NOW).time.year == 2024
    (spoofed,) = (c for c in read.embedded if "Spoofed" in c.subject.rfc4514_string())
    with pytest.raises(UnknownAuthority):
        timestamp._verify_by(replace(known, leaves=(spoofed,)), read, made.NOW)
