"""A time-stamping authority (RFC 3161) for the demonstration and the tests.

The replies are made by ``openssl ts``, behind a small HTTP handler (RFC 3161, 3.4) on an
ephemeral port of 127.0.0.1. It is a real authority in all but one respect: whoever runs it
can set its clock, so that its tokens prove a time only to those who trust that person.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY_OID = "1.3.6.1.4.1.32473.1"  # of the arc for examples (RFC 5612)

_MAX_REQUEST = 4096

# No `certs`: openssl then sends the signer's certificate alone. A chain would be written as a
# set that is not in DER order, which a strict reader refuses.
_CONFIG = """\
[tsa]
dir = {directory}
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = {policy}
other_policies = 1.3.6.1.4.1.32473.2
digests = sha256, sha384, sha512
accuracy = secs:1
clock_precision_digits = 0
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class TimestampAuthority:
    """An authority of its own root, kept in `directory`, serving between enter and exit.

    The same directory gives the same authority again. Needs the ``openssl`` program.
    """

    def __init__(self, directory: Path, *, name: str = "Demonstration TSA", port: int = 0) -> None:
        self.directory = directory
        self.name = name
        self._port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._one_at_a_time = threading.Lock()  # openssl counts serials in a file, unlocked
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "tsa.cnf").exists():
            self._establish()

    def __enter__(self) -> Self:
        """Begin to serve."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                authority.answer(self)

            def log_message(self, *_: object) -> None:
                """Stay silent: a request is nobody's business."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving."""
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it answers."""
        assert self._server is not None, "the authority is not serving"
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def root_pem(self) -> str:
        """Its root certificate."""
        return (self.directory / "root.pem").read_text()

    @property
    def leaf_pem(self) -> str:
        """The certificate it signs with."""
        return (self.directory / "tsa.pem").read_text()

    def reply(self, query: bytes) -> bytes:
        """Return the response (DER) to a request (DER). Raises CalledProcessError."""
        with self._one_at_a_time:
            request = self.directory / "query.tsq"
            response = self.directory / "reply.tsr"
            request.write_bytes(query)
            command = ["openssl", "ts", "-reply", "-section", "tsa"]
            files = {"-config": self.directory / "tsa.cnf", "-queryfile": request, "-out": response}
            for option, path in files.items():
                command += [option, str(path)]
            subprocess.run(command, check=True, capture_output=True, timeout=10)
            return response.read_bytes()

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        """Serve one HTTP request."""
        size = int(http.headers.get("Content-Length") or 0)
        if http.headers.get("Content-Type") != "application/timestamp-query" or not (
            0 < size <= _MAX_REQUEST
        ):
            http.send_error(400)
            return
        try:
            reply = self.reply(http.rfile.read(size))
        except (subprocess.SubprocessError, OSError):
            http.send_error(500)
            return
        http.send_response(200)
        http.send_header("Content-Type", "application/timestamp-reply")
        http.send_header("Content-Length", str(len(reply)))
        http.end_headers()
        http.wfile.write(reply)

    def _establish(self) -> None:
        root_key, root = _certificate(f"{self.name} Root", None, None)
        leaf_key, leaf = _certificate(self.name, root_key, root)
        (self.directory / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
        (self.directory / "tsa.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        key = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.directory / "tsa.key").touch(mode=0o600)
        (self.directory / "tsa.key").write_bytes(key)
        (self.directory / "serial").write_text("01\n")
        # Last: its being there says that all else is.
        config = _CONFIG.format(directory=self.directory.resolve(), policy=POLICY_OID)
        (self.directory / "tsa.cnf").write_text(config)


def _certificate(
    name: str,
    issuer_key: ec.EllipticCurvePrivateKey | None,
    issuer: x509.Certificate | None,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Make a root, or a leaf for time-stamping below an issuer (RFC 3161, 2.3)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "shredder demonstration"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = dt.datetime.now(dt.UTC)
    ca = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signing_key = issuer_key or key
    if issuer is not None:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return key, builder.sign(signing_key, SHA256())
