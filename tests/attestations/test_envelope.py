"""DSSE: the PAE to the byte, strict reading, and openssl as an independent witness."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from attestations import Code, Envelope, Refused, Signer, seal
from attestations.envelope import PAYLOAD_TYPE, pae
from tests.attestations import made


def test_the_pae_is_the_specifications_own_example() -> None:
    """From the protocol's text, with a payload type and payload of its own."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_in_bytes() -> None:
    assert pae("é", "漢".encode()) == b"DSSEv1 2 \xc3\xa9 3 \xe6\xbc\xa2"


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("signer", [made.OPERATOR, made.WITNESS], ids=["ed25519", "p256"])
def test_openssl_verifies_the_signature_over_the_pae(signer: Signer, tmp_path: Path) -> None:
    envelope = json.loads(seal(b'{"a":1}', [signer]).raw)
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    message = b"DSSEv1 " + b" ".join(
        [str(len(kind)).encode(), kind, str(len(payload)).encode(), payload]
    )
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "key.pem").write_text(signer.public_key.pem)
    if signer is made.OPERATOR:
        command = ["pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "message", "-sigfile", "sig"]  # fmt: skip
    else:
        command = ["dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "message"]
    done = subprocess.run(["openssl", *command], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "message").write_bytes(message + b" ")
    done = subprocess.run(["openssl", *command], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.needs("openssl")
def test_a_keyid_is_the_digest_of_the_spki_that_openssl_writes(tmp_path: Path) -> None:
    pem = made.OPERATOR.public_key.pem
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=pem.encode(),
        capture_output=True,
        check=True,
    ).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-r"], input=der, capture_output=True, check=True
    ).stdout.split()[0]
    assert made.OPERATOR.public_key.keyid == "sha256:" + digest.decode()


def test_an_envelope_reads_as_it_was_written() -> None:
    written = seal(b"payload", [made.OPERATOR, made.WITNESS])
    assert written == Envelope.from_bytes(written.raw)


def test_url_safe_base64_is_read() -> None:
    value = json.loads(seal(bytes(range(256)), [made.OPERATOR]).raw)
    value["payload"] = value["payload"].replace("+", "-").replace("/", "_")
    value["signatures"][0]["sig"] = (
        value["signatures"][0]["sig"].replace("+", "-").replace("/", "_")
    )
    assert Envelope.from_bytes(json.dumps(value).encode()).payload == bytes(range(256))


def _spoil(**changes: Any) -> bytes:
    value = json.loads(seal(b"payload", [made.OPERATOR]).raw)
    value.update(changes)
    return json.dumps({k: v for k, v in value.items() if v is not ...}).encode()


GOOD_SIG = {"keyid": "", "sig": base64.b64encode(bytes(64)).decode()}

SPOILT = {
    "no payload": (_spoil(payload=...), Code.E_ENVELOPE),
    "extra field": (_spoil(extra=1), Code.E_ENVELOPE),
    "payload a number": (_spoil(payload=1), Code.E_ENVELOPE),
    "a list": (b"[]", Code.E_ENVELOPE),
    "signatures an object": (_spoil(signatures={}), Code.E_ENVELOPE),
    "signature a string": (_spoil(signatures=["x"]), Code.E_ENVELOPE),
    "signature with a certificate": (
        _spoil(signatures=[GOOD_SIG | {"cert": "x"}]),
        Code.E_ENVELOPE,
    ),
    "signature without sig": (_spoil(signatures=[{"keyid": "x"}]), Code.E_ENVELOPE),
    "empty signature": (_spoil(signatures=[{"sig": ""}]), Code.E_ENVELOPE),
    "keyid null": (_spoil(signatures=[GOOD_SIG | {"keyid": None}]), Code.E_ENVELOPE),
    "17 signatures": (_spoil(signatures=[GOOD_SIG] * 17), Code.E_LIMIT),
    "other type": (_spoil(payloadType="application/json"), Code.E_PAYLOAD_TYPE),
    "type in capitals": (_spoil(payloadType=PAYLOAD_TYPE.upper()), Code.E_PAYLOAD_TYPE),
    "type with parameter": (_spoil(payloadType=PAYLOAD_TYPE + ";a=b"), Code.E_PAYLOAD_TYPE),
    "type not ASCII": (
        _spoil(payloadType="application/vnd.in\u2010toto+json"),
        Code.E_PAYLOAD_TYPE,
    ),
    "payload with junk": (_spoil(payload="cGF5\nbG9hZA=="), Code.E_BASE64),
    "payload not canonical": (_spoil(payload="cGF5bG9hZB=="), Code.E_BASE64),
    "signature with junk": (_spoil(signatures=[{"sig": "!!!!"}]), Code.E_BASE64),
    "none": (_spoil(signatures=[]), Code.E_SIG),
}


@pytest.mark.parametrize(("raw", "code"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_envelope_is_refused_with_its_code(raw: bytes, code: Code) -> None:
    with pytest.raises(Refused) as caught:
        Envelope.from_bytes(raw)
    assert caught.value.verdict == code


def test_nobody_can_seal_without_a_signer() -> None:
    with pytest.raises(ValueError, match="signer"):
        seal(b"payload", [])
