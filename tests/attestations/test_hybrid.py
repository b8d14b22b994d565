"""A hybrid: a classical signature and one of ML-DSA-65, both asked for by the policy."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa

from attestations import (
    Algorithm,
    Code,
    Envelope,
    KeyFileSigner,
    Policy,
    PolicyRefused,
    Refused,
    RoleThreshold,
    Verdict,
    trusted_key,
    verify,
)
from attestations.policy import prepare
from tests.attestations import made
from tests.attestations.made import NOW, OPERATOR, WITNESS, bundle

LATTICE = KeyFileSigner(mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes(32)))
OTHER = made.ed25519_signer(7)
BOTH = (
    RoleThreshold("operator", 1, Algorithm.ED25519),
    RoleThreshold("operator", 1, Algorithm.ML_DSA_65),
)


def hybrid() -> Policy:
    return Policy.new(
        keys=[
            trusted_key(OPERATOR.public_key, name="operator"),
            trusted_key(OTHER.public_key, name="second operator"),
            trusted_key(LATTICE.public_key, name="operator, after quanta"),
        ],
        thresholds=BOTH,
    )


def code(data: bytes, policy: Policy) -> Code:
    with pytest.raises(Refused) as caught:
        verify(data, policy, now=NOW)
    return caught.value.verdict


def test_both_signatures_are_accepted_and_both_named() -> None:
    data = bundle(signers=[OPERATOR, LATTICE]).to_bytes()
    report = verify(data, hybrid(), now=NOW)
    assert report.authentic is Verdict.VALID
    assert [s.name for s in report.signers] == ["operator", "operator, after quanta"]
    assert len(data) < 2**20


@pytest.mark.parametrize("signers", [[OPERATOR], [LATTICE], [OPERATOR, OPERATOR]])
def test_one_of_two_is_too_few(signers: list[KeyFileSigner]) -> None:
    assert code(bundle(signers=signers).to_bytes(), hybrid()) == Code.E_THRESHOLD


def test_two_classical_signatures_are_no_hybrid() -> None:
    assert code(bundle(signers=[OPERATOR, OTHER]).to_bytes(), hybrid()) == Code.E_ROLE


def test_the_ml_dsa_signature_stripped_is_missed() -> None:
    value = json.loads(bundle(signers=[OPERATOR, LATTICE]).to_bytes())
    envelope = json.loads(base64.b64decode(value["result"]["envelope"]))
    del envelope["signatures"][1]
    value["result"]["envelope"] = base64.b64encode(json.dumps(envelope).encode()).decode()
    assert code(json.dumps(value).encode(), hybrid()) == Code.E_THRESHOLD


@pytest.mark.parametrize("spoilt", [0, 1])
def test_a_spoilt_bit_of_either_signature_refuses_the_whole(spoilt: int) -> None:
    value = json.loads(bundle(signers=[OPERATOR, LATTICE]).to_bytes())
    envelope = json.loads(base64.b64decode(value["plan"]["envelope"]))
    sig = bytearray(base64.b64decode(envelope["signatures"][spoilt]["sig"]))
    sig[len(sig) // 2] ^= 1
    envelope["signatures"][spoilt]["sig"] = base64.b64encode(sig).decode()
    value["plan"]["envelope"] = base64.b64encode(json.dumps(envelope).encode()).decode()
    assert code(json.dumps(value).encode(), hybrid()) == Code.E_SIG


def test_an_ml_dsa_key_alone_can_be_trusted() -> None:
    report = verify(bundle(signers=[LATTICE]).to_bytes(), made.policy(LATTICE), now=NOW)
    assert report.authentic is Verdict.VALID


@pytest.mark.parametrize(
    "thresholds",
    [
        (RoleThreshold("operator", 1), RoleThreshold("operator", 1, Algorithm.ML_DSA_65)),
        (BOTH[1], BOTH[1]),
        (RoleThreshold("operator", 2, Algorithm.ML_DSA_65),),
        (RoleThreshold("operator", 1, Algorithm.ECDSA_P256),),
    ],
    ids=["any and one", "one twice", "too few keys", "no key"],
)
def test_thresholds_that_cannot_be_meant_are_refused(
    thresholds: tuple[RoleThreshold, ...],
) -> None:
    with pytest.raises(PolicyRefused) as caught:
        prepare(replace(hybrid(), thresholds=thresholds))
    assert caught.value.verdict == Code.E_POLICY


def test_an_algorithm_that_the_key_is_not_of_is_refused() -> None:
    """The algorithm is the trusted key's; the policy repeats it, and must not differ."""
    entry = replace(trusted_key(WITNESS.public_key, name="w"), algorithm=Algorithm.ML_DSA_65)
    with pytest.raises(PolicyRefused) as caught:
        Policy.new(keys=[entry])
    assert caught.value.verdict == Code.E_POLICY


@pytest.mark.needs("openssl")
def test_openssl_agrees_where_it_knows_ml_dsa(tmp_path: Path) -> None:
    """OpenSSL 3.5 signs and verifies ML-DSA; older ones are asked for what they cannot tell."""
    known = subprocess.run(
        ["openssl", "list", "-signature-algorithms"], capture_output=True, check=True
    )
    if b"ML-DSA-65" not in known.stdout:
        # An older one still reads the frame of the key: the identifier of RFC 9881.
        spki = tmp_path / "key.der"
        spki.write_bytes(LATTICE.public_key.spki)
        shown = subprocess.run(
            ["openssl", "asn1parse", "-inform", "DER", "-in", spki], capture_output=True, check=True
        )
        assert b"2.16.840.1.101.3.4.3.18" in shown.stdout
        return
    envelope = Envelope.from_bytes(bundle(signers=[LATTICE]).result.envelope)
    (tmp_path / "key.pem").write_text(LATTICE.public_key.pem)
    (tmp_path / "message").write_bytes(envelope.signed_bytes)
    (tmp_path / "sig").write_bytes(envelope.signatures[0].sig)
    subprocess.run(
        [
            *["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"],
            *["-in", "message", "-sigfile", "sig"],
        ],
        cwd=tmp_path,
        check=True,
    )
