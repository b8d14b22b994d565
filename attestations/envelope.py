"""DSSE envelopes (github.com/secure-systems-lab/dsse, protocol 1.0.0).

What is signed is the PAE of payload type and payload, so no JSON is ever canonicalised. There
is no field for the algorithm: the algorithm is the trusted key's. A keyid is a hint only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attestations.errors import Code, Malformed, Untrusted
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
    signatures = tuple(Signature(s.public_key.keyid, s.sign(message)) for s in signers)
    raw = dumps(
        {
            "payload": encode_base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": s.keyid, "sig": encode_base64(s.sig)} for s in signatures],
        }
    )
    return Envelope(payload=payload, signatures=signatures, raw=raw)


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
