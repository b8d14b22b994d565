"""DSSE envelopes (github.com/secure-systems-lab/dsse, protocol 1.0.0).

What is signed is the PAE of payload type and payload, so no JSON is ever canonicalised. There
is no field for the algorithm: the algorithm is the trusted key's. A keyid is a hint only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attestations.errors import Code, Malformed, Untrusted
from attestations.keys import PublicKey
from attestations.signers import Signer
from attestations.strict_json import Json, Limits, dumps, loads
from attestations.text import decode_base64, encode_base64, sha256

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_SIGNATURES = 16
LIMITS = Limits(size=6 * 2**20, depth=4, items=200)

MAX_SIGNATURE = 8192  # bytes; ML-DSA-65 has 3309


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature; `keyid` may be empty and proves nothing."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload and the signatures over it. `raw` are the exact bytes that get timestamped."""

    payload: bytes
    signatures: tuple[Signature, ...]
    raw: bytes

    @property
    def digest(self) -> str:
        """``sha256:…`` of the exact bytes: the name by which others refer to it."""
        return sha256(self.raw)

    @property
    def signed_bytes(self) -> bytes:
        """What the signatures are over."""
        return pae(PAYLOAD_TYPE, self.payload)

    def made_by(self, keys: Sequence[PublicKey]) -> tuple[PublicKey | None, ...]:
        """Return, for each signature, which of `keys` made it; None for one of another key.

        A keyid only hints at the key that is tried first.
        """
        message = self.signed_bytes
        return tuple(
            _maker(each.sig, message, sorted(keys, key=lambda key: key.keyid != each.keyid))
            for each in self.signatures
        )

    @classmethod
    def from_bytes(cls, raw: bytes, what: str = "envelope") -> Envelope:
        """Read an envelope. Raises :class:`Malformed`; :class:`Untrusted` where none signed."""
        value = loads(raw, LIMITS, what)
        if not isinstance(value, dict) or set(value) != {"payload", "payloadType", "signatures"}:
            raise Malformed(Code.E_ENVELOPE, f"{what}: not the three fields of a DSSE envelope")
        kind, body, entries = value["payloadType"], value["payload"], value["signatures"]
        if not isinstance(kind, str) or not isinstance(body, str) or not isinstance(entries, list):
            raise Malformed(Code.E_ENVELOPE, f"{what}: a field of the wrong type")
        if kind != PAYLOAD_TYPE:
            raise Malformed(Code.E_PAYLOAD_TYPE, f"{what}: the payload is not {PAYLOAD_TYPE}")
        if not entries:
            raise Untrusted(Code.E_SIG, f"{what}: not signed at all")
        if len(entries) > MAX_SIGNATURES:
            raise Malformed(Code.E_LIMIT, f"{what}: more than {MAX_SIGNATURES} signatures")
        return cls(
            payload=decode_base64(body, f"{what}: payload"),
            signatures=tuple(_signature(entry, what) for entry in entries),
            raw=raw,
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: lengths are in bytes."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, signers: Sequence[Signer]) -> Envelope:
    """Sign `payload` by each signer, in order. Raises ValueError without a signer."""
    if not signers:
        raise ValueError("an envelope needs at least one signer")
    message = pae(PAYLOAD_TYPE, payload)
    return _written(payload, tuple(Signature(s.public_key.keyid, s.sign(message)) for s in signers))


def joined(first: Envelope, others: Iterable[Envelope]) -> Envelope:
    """One envelope with the signatures of all over their common payload, each once, in order.

    Raises :class:`Untrusted` if one signs another payload, :class:`Malformed` for too many.
    """
    signatures = list(first.signatures)
    for other in others:
        if other.payload != first.payload:
            raise Untrusted(Code.E_SIG, "a signature over another statement")
        signatures += [each for each in other.signatures if each not in signatures]
    if len(signatures) > MAX_SIGNATURES:
        raise Malformed(Code.E_LIMIT, f"more than {MAX_SIGNATURES} signatures")
    return _written(first.payload, tuple(signatures))


def _written(payload: bytes, signatures: tuple[Signature, ...]) -> Envelope:
    raw = dumps(
        {
            "payload": encode_base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": s.keyid, "sig": encode_base64(s.sig)} for s in signatures],
        }
    )
    return Envelope(payload=payload, signatures=signatures, raw=raw)


def _maker(sig: bytes, message: bytes, keys: Sequence[PublicKey]) -> PublicKey | None:
    for key in keys:
        try:
            key.verify(sig, message)
        except Untrusted:
            continue
        return key
    return None


def _signature(entry: Json, what: str) -> Signature:
    if not isinstance(entry, dict) or not {"sig"} <= set(entry) <= {"sig", "keyid"}:
        raise Malformed(Code.E_ENVELOPE, f"{what}: not the fields of a signature")
    sig, keyid = entry["sig"], entry.get("keyid", "")
    if not isinstance(sig, str) or not isinstance(keyid, str):
        raise Malformed(Code.E_ENVELOPE, f"{what}: a signature's field of the wrong type")
    decoded = decode_base64(sig, f"{what}: signature")
    if not 0 < len(decoded) <= MAX_SIGNATURE:
        raise Malformed(Code.E_ENVELOPE, f"{what}: a signature of no possible length")
    return Signature(keyid=keyid, sig=decoded)
