"""A double of AWS KMS: it speaks the service's protocol, and signs with `cryptography`.

What goes over the wire is the service's form: JSON, base64, a digest. It cannot show that the
service itself behaves so.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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


@contextmanager
def serving() -> Iterator[Service]:
    """The service on a port of its own."""
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
