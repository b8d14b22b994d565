"""Public keys that may be trusted: Ed25519, ECDSA over P-256 with SHA-256, and ML-DSA-65.

The first two are what software, tokens and cloud key services all sign with. The third (FIPS
204) stands beside one of them, for the day a quantum computer breaks both. The algorithm belongs
to the trusted key, never to the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
    load_ssh_public_key,
)

from attestations.errors import Code, PolicyRefused, Untrusted
from attestations.text import sha256

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

# The y coordinates of the eight points whose order divides 8. With such a key, one signature
# fits many messages.
_ORDER_EIGHT_Y = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_LOW_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_EIGHT_Y, _P - _ORDER_EIGHT_Y})

# A key of a security key (sk-…) signs more than the message, so that it is none of these.
_OPENSSH_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256")

_RHO_BYTES = 32  # the seed of the matrix, before t1 (FIPS 204, algorithm 22)


class Algorithm(StrEnum):
    """How a key signs."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256-sha256"  # signatures in DER (RFC 3279, 2.2.3), not r‖s
    ML_DSA_65 = "ml-dsa-65"  # pure, not pre-hashed; the context is empty (FIPS 204, 5.2)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that can verify. `spki` is its SubjectPublicKeyInfo in DER (RFC 5280, 4.1)."""

    algorithm: Algorithm
    spki: bytes

    @property
    def keyid(self) -> str:
        """``sha256:`` and the hex digest of the SPKI."""
        return sha256(self.spki)

    @property
    def pem(self) -> str:
        """The key as PEM."""
        return (
            _load(self.spki).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        )

    @classmethod
    def from_pem(cls, pem: str) -> PublicKey:
        """Read a ``PUBLIC KEY`` PEM. Raises :class:`PolicyRefused`."""
        try:
            key = load_pem_public_key(pem.encode("utf-8"))
        except (ValueError, UnsupportedAlgorithm):
            raise PolicyRefused(Code.E_POLICY, "a key that is not a PEM public key") from None
        return cls.of(key)

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Read a PEM, or a line as in ``id_ed25519.pub``. Raises :class:`PolicyRefused`."""
        if "-----BEGIN" in text:
            return cls.from_pem(text)
        line = text.strip()
        none = PolicyRefused(
            Code.E_POLICY,
            "a key that is neither a PEM public key nor a line of OpenSSH's",
            hint=f"a line begins with {' or '.join(_OPENSSH_KINDS)}",
        )
        if line.partition(" ")[0] not in _OPENSSH_KINDS:
            raise none
        try:
            key = load_ssh_public_key(line.encode("utf-8"))
        except (ValueError, UnsupportedAlgorithm):
            raise none from None
        return cls.of(key)

    @classmethod
    def from_spki(cls, spki: bytes) -> PublicKey:
        """Read a SubjectPublicKeyInfo in DER. Raises :class:`PolicyRefused`."""
        try:
            key = load_der_public_key(spki)
        except (ValueError, UnsupportedAlgorithm):
            raise PolicyRefused(Code.E_POLICY, "a key that is not a SubjectPublicKeyInfo") from None
        return cls.of(key)

    @classmethod
    def of(cls, key: object) -> PublicKey:
        """Wrap a key of `cryptography`. Raises :class:`PolicyRefused`: E_POLICY, E_WEAK_KEY."""
        if isinstance(key, ed25519.Ed25519PublicKey):
            _refuse_weak(key.public_bytes_raw())
            algorithm = Algorithm.ED25519
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            algorithm = Algorithm.ECDSA_P256
        elif isinstance(key, mldsa.MLDSA65PublicKey):
            _refuse_zero(key.public_bytes_raw())
            algorithm = Algorithm.ML_DSA_65
        else:
            raise PolicyRefused(
                Code.E_POLICY,
                "a key of an algorithm that is not supported",
                hint="Ed25519, ECDSA P-256 and ML-DSA-65 are",
            )
        # Re-encoded, so that one key has one keyid, whatever it was read from.
        return cls(algorithm, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature is this key's over the message, else raise Untrusted."""
        key = _load(self.spki)
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, message, ec.ECDSA(SHA256()))
            else:
                key.verify(signature, message)
        except InvalidSignature:
            raise Untrusted(Code.E_SIG, "a signature does not fit") from None


def _load(
    spki: bytes,
) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | mldsa.MLDSA65PublicKey:
    key = load_der_public_key(spki)
    assert isinstance(
        key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | mldsa.MLDSA65PublicKey
    )
    return key


def _refuse_zero(raw: bytes) -> None:
    """Refuse an ML-DSA key whose t1 is zero: w1 depends on z alone then, and anyone can sign."""
    if not any(raw[_RHO_BYTES:]):
        raise PolicyRefused(Code.E_WEAK_KEY, "an ML-DSA key that anyone can sign for")


def _refuse_weak(raw: bytes) -> None:
    """Refuse Ed25519 keys that are no point, not canonical, or of low order (RFC 8032, 5.1.3)."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    sign = raw[31] >> 7
    if y >= _P or y in _LOW_ORDER_Y:
        raise PolicyRefused(Code.E_WEAK_KEY, "an Ed25519 key of low order or not canonical")
    # x² = (y² - 1) / (d·y² + 1) must have a root.
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    root = pow(square, (_P + 3) // 8, _P)
    if root * root % _P != square:
        root = root * _SQRT_MINUS_ONE % _P
    if root * root % _P != square or (root == 0 and sign):
        raise PolicyRefused(Code.E_WEAK_KEY, "an Ed25519 key that is not a point of the curve")
