"""Other libraries read what this one writes: securesystemslib the envelope, in-toto the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementProto  # type: ignore[attr-defined,unused-ignore]
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, SSlibKey  # type: ignore[attr-defined]

from attestations import Sealed, Signer
from attestations.statement import DESTRUCTION_TYPE, PLAN_TYPE
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.kinds import kinds

KINDS = kinds(Forge())


def their_key(signer: Signer) -> Key:
    public = load_pem_public_key(signer.public_key.pem.encode())
    return SSlibKey.from_crypto(public, keyid=signer.public_key.keyid)


def their_envelope(sealed: Sealed) -> Envelope:
    return Envelope.from_dict(json.loads(sealed.envelope))


def their_statement(sealed: Sealed) -> Statement:
    proto = json_format.Parse(their_envelope(sealed).payload, StatementProto())
    return Statement.copy_from_pb(proto)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("part", ["plan", "result"])
def test_securesystemslib_accepts_the_envelope(name: str, part: str) -> None:
    kind = KINDS[name]
    envelope = their_envelope(getattr(kind.bundle, part))
    keys = [their_key(signer) for signer in kind.signers]
    accepted = envelope.verify(keys, threshold=len(keys))
    assert {signer.public_key.keyid for signer in kind.signers} == set(accepted)


@pytest.mark.parametrize("name", KINDS)
def test_securesystemslib_refuses_another_payload_and_another_key(name: str) -> None:
    """Otherwise its acceptance would mean nothing."""
    kind = KINDS[name]
    keys = [their_key(signer) for signer in kind.signers]
    spoilt = their_envelope(kind.bundle.result)
    spoilt.payload = spoilt.payload.replace(b"complete", b"Complete", 1) + b" "
    with pytest.raises(VerificationError):
        spoilt.verify(keys, threshold=len(keys))
    stranger = made.ed25519_signer(9).public_key
    public = load_pem_public_key(stranger.pem.encode())
    wrong = SSlibKey.from_crypto(public, keyid=kind.signers[0].public_key.keyid)
    with pytest.raises(VerificationError):
        their_envelope(kind.bundle.result).verify([wrong], threshold=1)


def test_what_securesystemslib_writes_is_the_envelope_again() -> None:
    sealed = KINDS["two-signers"].bundle.plan
    assert json.loads(sealed.envelope) == their_envelope(sealed).to_dict()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("part", "kind"), [("plan", PLAN_TYPE), ("result", DESTRUCTION_TYPE)])
def test_in_toto_accepts_the_statement(name: str, part: str, kind: str) -> None:
    sealed = getattr(KINDS[name].bundle, part)
    statement = their_statement(sealed)
    statement.validate()
    assert kind == statement.pb.predicate_type
    plain: dict[str, Any] = json.loads(their_envelope(sealed).payload)
    subjects = [{"name": each.name, "digest": dict(each.digest)} for each in statement.pb.subject]
    assert plain["subject"] == subjects
    # Their numbers are doubles; none of ours is above 2**53, so that none is changed.
    assert plain["predicate"] == json_format.MessageToDict(statement.pb.predicate)


def test_in_toto_refuses_a_statement_about_nothing() -> None:
    statement = their_statement(KINDS["complete"].bundle.result)
    statement.pb.ClearField("subject")
    with pytest.raises(ValueError, match="subject"):
        statement.validate()
