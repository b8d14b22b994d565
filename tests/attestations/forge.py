"""Forges RFC 3161 responses of any shape: what a real authority will not make.

A writer of DER on its own feet: it shares no code with the reader under test.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from attestations import TrustedAuthority

POLICY = "1.3.6.1.4.1.32473.1"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)

_SHA256 = "2.16.840.1.101.3.4.2.1"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return tlv(0x06, bytes(out))


def algorithm(dotted: str, *, null: bool = True) -> bytes:
    return tlv(0x30, oid(dotted), tlv(0x05) if null else b"")


@dataclass(frozen=True)
class Certified:
    """A key with its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def certify(
    name: str,
    issuer: Certified | None = None,
    *,
    ca: bool | None = None,
    begin: datetime = BEGIN,
    end: datetime = END,
    usages: tuple[x509.ObjectIdentifier, ...] | None = (ExtendedKeyUsageOID.TIME_STAMPING,),
    critical: bool = True,
    serial: int | None = None,
) -> Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_ca = issuer is None if ca is None else ca
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_ca,
                crl_sign=is_ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if usages and not is_ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
    return Certified(key, builder.sign(issuer.key if issuer else key, SHA256()))


@dataclass(frozen=True)
class Forge:
    """An authority that signs whatever it is told."""

    root: Certified = field(default_factory=lambda: certify("Root"))
    leaf: Certified | None = None

    def __post_init__(self) -> None:
        if self.leaf is None:
            object.__setattr__(self, "leaf", certify("TSA", self.root))

    def trusted(self, *, pin: str = "leaf", **changes: Any) -> TrustedAuthority:
        """The policy's entry for it, by its certificate or by its policy's OID."""
        assert self.leaf is not None
        entry = TrustedAuthority(
            name="Forged TSA",
            roots=(self.root.pem,),
            leaves=(self.leaf.pem,) if pin == "leaf" else (),
            policies=(POLICY,) if pin == "policy" else (),
        )
        return replace(entry, **changes)

    def stamp(
        self,
        message: bytes,
        when: datetime,
        *,
        status: int = 0,
        policy: str = POLICY,
        accuracy: timedelta | None = timedelta(seconds=1),
        imprint: bytes | None = None,
        imprint_oid: str = _SHA256,
        embed: tuple[bytes, ...] | None = None,
        named: bytes | None = None,
        extension: bool = False,
        signers: int = 1,
        content: str = _TST_INFO,
        fraction: str = "",
        signature_flip: bool = False,
        raw_time: bytes = b"",
    ) -> bytes:
        """A response over `message`; each argument after `when` spoils one thing."""
        assert self.leaf is not None
        info = tlv(
            0x30,
            integer(1),
            oid(policy),
            tlv(
                0x30,
                algorithm(imprint_oid),
                tlv(0x04, hashlib.sha256(message).digest() if imprint is None else imprint),
            ),
            integer(4711),
            tlv(0x18, raw_time or f"{when.astimezone(UTC):%Y%m%d%H%M%S}{fraction}Z".encode()),
            b"" if accuracy is None else tlv(0x30, integer(int(accuracy.total_seconds()))),
            # An extension of the TSTInfo, critical and unknown to everybody.
            tlv(0xA1, tlv(0x30, oid("1.3.6.1.4.1.32473.9"), tlv(0x01, b"\xff"), tlv(0x04, b"x")))
            if extension
            else b"",
        )
        ess = hashlib.sha256(self.leaf.der if named is None else named).digest()
        attributes = sorted(
            [
                self._attribute("1.2.840.113549.1.9.3", oid(content)),
                self._attribute("1.2.840.113549.1.9.4", tlv(0x04, hashlib.sha256(info).digest())),
                self._attribute(
                    "1.2.840.113549.1.9.16.2.47", tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x04, ess))))
                ),
            ]
        )
        signature = self.leaf.key.sign(tlv(0x31, *attributes), ec.ECDSA(SHA256()))
        if signature_flip:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        signer = tlv(
            0x30,
            integer(1),
            tlv(
                0x30,
                self.leaf.certificate.issuer.public_bytes(),
                integer(self.leaf.certificate.serial_number),
            ),
            algorithm(_SHA256),
            tlv(0xA0, *attributes),
            algorithm(_ECDSA_SHA256, null=False),
            tlv(0x04, signature),
        )
        certificates = (self.leaf.der,) if embed is None else embed
        signed = tlv(
            0x30,
            integer(3),
            tlv(0x31, algorithm(_SHA256)),
            tlv(0x30, oid(content), tlv(0xA0, tlv(0x04, info))),
            tlv(0xA0, *sorted(certificates)) if certificates else b"",
            tlv(0x31, *[signer] * signers),
        )
        token = tlv(0x30, oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed))
        return tlv(0x30, tlv(0x30, integer(status)), token)

    def at(self, message: bytes, text: bytes) -> bytes:
        """A response whose time is any text at all."""
        return self.stamp(message, BEGIN, raw_time=text)

    def plain(self, message: bytes, when: datetime) -> bytes:
        """A good response."""
        return self.stamp(message, when)

    def renew(self, covered: bytes, when: datetime, **spoilt: Any) -> bytes:
        """A renewal, over what it covers."""
        digest = hashlib.sha512(covered).digest()
        spoilt = {"imprint": digest, "imprint_oid": "2.16.840.1.101.3.4.2.3", **spoilt}
        return self.stamp(covered, when, **spoilt)

    @staticmethod
    def _attribute(kind: str, value: bytes) -> bytes:
        return tlv(0x30, oid(kind), tlv(0x31, value))
