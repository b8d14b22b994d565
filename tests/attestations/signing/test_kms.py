"""A key in AWS KMS: boto3's own client against a double that speaks the service's protocol."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from attestations import KeyUnusable, PublicKey, Verdict, verify
from attestations.signing.kms import KmsSigner
from tests.attestations import made
from tests.attestations.signing.double import KEY, Service, denied, public_key, serving, signed


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        yield server


def opened(service: Service) -> KmsSigner:
    return KmsSigner.open("alias/shredder", region="eu-central-1", endpoint_url=service.url)


def refused(service: Service, match: str) -> KeyUnusable:
    with pytest.raises(KeyUnusable, match=match) as caught:
        opened(service)
    assert "111122223333" not in str(caught.value) + caught.value.hint
    return caught.value


def test_the_service_signs_what_an_auditor_accepts(service: Service) -> None:
    signer = opened(service)
    assert signer.public_key == PublicKey.of(KEY.public_key())
    report = verify(made.bundle(signers=[signer]).to_bytes(), made.policy(signer), now=made.NOW)
    assert report.authentic is Verdict.VALID


def test_the_service_learns_the_digest_and_nothing_else(service: Service) -> None:
    opened(service).sign(b"what is said")
    action, body = service.asked[-1]
    assert action == "Sign"
    assert base64.b64decode(body["Message"]) == hashlib.sha256(b"what is said").digest()
    assert body["KeyId"] == "alias/shredder"


def test_a_denial_is_told_without_the_account(service: Service) -> None:
    service.instead["GetPublicKey"] = denied
    assert "kms:Sign" in refused(service, "not allowed").hint
    del service.instead["GetPublicKey"]
    signer = opened(service)
    service.instead["Sign"] = denied
    with pytest.raises(KeyUnusable, match="not allowed") as caught:
        signer.sign(b"message")
    assert "111122223333" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "match"),
    [
        ("NotFoundException", "no such key"),
        ("DisabledException", "disabled"),
        ("KMSInvalidStateException", "to be deleted"),
        ("ExpiredTokenException", "expired"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_what_the_service_refuses_is_told(service: Service, code: str, match: str) -> None:
    service.instead["GetPublicKey"] = lambda body: denied(body, code)
    refused(service, match)


def test_a_signature_by_another_key_is_not_used(service: Service) -> None:
    other = ec.derive_private_key(4713, ec.SECP256R1())
    signer = opened(service)
    service.instead["Sign"] = lambda body: signed(body, other)
    with pytest.raises(KeyUnusable, match="does not fit"):
        signer.sign(b"message")


@pytest.mark.parametrize(
    "changes",
    [
        {"KeyUsage": "ENCRYPT_DECRYPT"},
        {"SigningAlgorithms": ["ECDSA_SHA_384"]},
    ],
)
def test_a_key_for_something_else_is_refused(service: Service, changes: dict[str, Any]) -> None:
    service.instead["GetPublicKey"] = lambda body: public_key(body, **changes)
    refused(service, "does not sign by ECDSA")


def test_a_key_of_another_curve_is_refused(service: Service) -> None:
    other = ec.derive_private_key(4713, ec.SECP384R1())
    service.instead["GetPublicKey"] = lambda body: public_key(body, other)
    refused(service, "not supported")


def test_a_service_that_is_not_there_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = opened(service)
    service.shutdown()
    service.server_close()
    with pytest.raises(KeyUnusable, match="EndpointConnectionError"):
        signer.sign(b"message")


def test_without_region_or_credentials_nothing_can_be_signed(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("aws") / "none"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
    with pytest.raises(KeyUnusable, match="NoRegionError"):
        KmsSigner.open("alias/shredder")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused(service, "NoCredentialsError")
