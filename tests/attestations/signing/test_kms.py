"""A key in AWS KMS: boto3's own client against a double that speaks the service's protocol.

The double signs with `cryptography`, so that what goes over the wire is the service's form:
JSON, base64, a digest. It cannot show that the service itself behaves so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestations import KeyUnusable, PublicKey, Verdict, verify
from attestations.signing.kms import KmsSigner
from tests.attestations import made

KEY = ec.derive_private_key(4712, ec.SECP256R1())
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
Answer = tuple[int, dict[str, Any]]


class Service(ThreadingHTTPServer):
    """Answers GetPublicKey and Sign; a test can put another answer in an action's place."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.instead: dict[str, Callable[[dict[str, Any]], Answer]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, action: str, body: dict[str, Any]) -> Answer:
        self.asked.append((action, body))
        if action in self.instead:
            return self.instead[action](body)
        return public_key(body) if action == "GetPublicKey" else signed(body)


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        action = self.headers["X-Amz-Target"].removeprefix("TrentService.")
        status, value = self.server.answer(action, body)
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


def public_key(
    body: dict[str, Any], key: ec.EllipticCurvePrivateKey = KEY, **changes: Any
) -> Answer:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return 200, {
        "KeyId": ARN,
        "PublicKey": base64.b64encode(spki).decode(),
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": ["ECDSA_SHA_256"],
        **changes,
    }


def signed(body: dict[str, Any], key: ec.EllipticCurvePrivateKey = KEY) -> Answer:
    assert body["MessageType"] == "DIGEST"
    assert body["SigningAlgorithm"] == "ECDSA_SHA_256"
    digest = base64.b64decode(body["Message"])
    assert len(digest) == 32
    signature = key.sign(digest, ec.ECDSA(Prehashed(SHA256())))
    return 200, {"KeyId": ARN, "Signature": base64.b64encode(signature).decode()}


def denied(body: dict[str, Any], code: str = "AccessDeniedException") -> Answer:
    text = f"User: arn:aws:iam::111122223333:user/someone is not authorized on {ARN}"
    return 400, {"__type": code, "message": text}


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
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
