"""Signed notes: text with signature lines below it (C2SP signed-note, tlog-cosignature).

Two kinds of key: a log's, which signs the text as it is, and a witness's, which signs the text
under a header with the time of its cosignature. A key is known by its name and its ID together;
lines of unknown keys are left aside, a line of a known key that does not hold refuses the note.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from attestations.errors import Code, LogRefused, Malformed, PolicyRefused, Untrusted
from attestations.keys import Algorithm, PublicKey
from attestations.signers import Signer
from attestations.text import decode_base64, encode_base64

MAX_NOTE = 131_072  # bytes; 16 signatures of a post-quantum kind have 80,000
MAX_SIGNATURES = 32
MAX_NAME = 200  # characters

_RAW_KEY = 32  # bytes of an Ed25519 public key (RFC 8032, 5.1.5)
_ID = 4
_TIME = 8
_LATEST = 2**63 - 1  # tlog-cosignature: a later time must not be
_CONTROLS = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_VKEY = re.compile(r"(?P<name>[^+]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]+=*)")


class Kind(IntEnum):
    """The signature types that are understood (signed-note, "Signature types")."""

    LOG = 0x01  # Ed25519 over the text
    WITNESS = 0x04  # Ed25519 over cosignature/v1


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that signs notes: name, kind, and the key itself."""

    name: str
    kind: Kind
    key: PublicKey

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a *vkey*, ``name+id+key``. Raises PolicyRefused: E_POLICY, E_WEAK_KEY."""
        match = _VKEY.fullmatch(text)
        if match is None or not is_name(match["name"]):
            raise PolicyRefused(Code.E_POLICY, "not a verifier key of the form name+id+key")
        try:
            data = decode_base64(match["key"], "a verifier key")
        except Malformed as error:
            raise PolicyRefused(Code.E_POLICY, error.message) from None
        if len(data) != 1 + _RAW_KEY or data[0] not in set(Kind):
            raise PolicyRefused(
                Code.E_POLICY,
                "a verifier key of a type that is not supported",
                hint="a log's is of type 1 (Ed25519), a witness's of type 4 (cosignature/v1)",
            )
        public = PublicKey.of(Ed25519PublicKey.from_public_bytes(data[1:]))
        made = cls(match["name"], Kind(data[0]), public)
        if made.id.hex() != match["id"]:
            raise PolicyRefused(
                Code.E_POLICY, "a verifier key whose ID is not that of name and key"
            )
        return made

    @property
    def raw(self) -> bytes:
        """The key in 32 bytes: the end of its SubjectPublicKeyInfo (RFC 8410, 4)."""
        return self.key.spki[-_RAW_KEY:]

    @property
    def id(self) -> bytes:
        """The key ID, in 4 bytes."""
        material = bytes([self.kind]) + self.raw
        return hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:_ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.kind]) + self.raw)}"


class NoteSigner:
    """Signs notes in a name."""

    def __init__(self, name: str, kind: Kind, signer: Signer) -> None:
        """Raises PolicyRefused for a key that is not Ed25519 or a name that is none."""
        if signer.public_key.algorithm is not Algorithm.ED25519:
            raise PolicyRefused(Code.E_POLICY, "notes are signed by an Ed25519 key only")
        if not is_name(name):
            raise PolicyRefused(
                Code.E_POLICY,
                "a note's key needs a name without white space and plus signs",
                hint="a name like example.org/log is usual",
            )
        self.key = VerifierKey(name, kind, signer.public_key)
        self._signer = signer

    def sign(self, text: bytes, *, at: int = 0) -> Signature:
        """Sign a note's text; a witness says at which second, since the Epoch."""
        if self.key.kind is Kind.LOG:
            return Signature(self.key.name, self.key.id, self._signer.sign(text))
        if not 0 < at <= _LATEST:
            raise ValueError("a cosignature needs its time")
        body = at.to_bytes(_TIME, "big") + self._signer.sign(_cosigned(text, at))
        return Signature(self.key.name, self.key.id, body)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name and ID, and what the key made."""

    name: str
    id: bytes
    body: bytes

    def __str__(self) -> str:
        return f"— {self.name} {encode_base64(self.id + self.body)}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A known key that signed; `at` is a witness's time in seconds since the Epoch, or 0."""

    key: VerifierKey
    at: int


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a line end, and its signatures."""

    text: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Note:
        """Read a note, strictly. Raises LogRefused: E_LOG_PARSE."""
        if len(data) > MAX_NOTE:
            raise malformed(f"a note of more than {MAX_NOTE} bytes")
        if _CONTROLS.search(data):
            raise malformed("a note with control characters")
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            raise malformed("a note that is not UTF-8") from None
        # The last empty line parts text and signatures: a text may have empty lines, too.
        text, gap, below = data.rpartition(b"\n\n")
        if not gap or not below.endswith(b"\n"):
            raise malformed("a note without signatures")
        lines = below.decode("utf-8").removesuffix("\n").split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise malformed(f"a note with more than {MAX_SIGNATURES} signatures")
        return cls(text + b"\n", tuple(_signature(line) for line in lines))

    def to_bytes(self) -> bytes:
        """Write the note."""
        return self.text + b"\n" + "".join(map(str, self.signatures)).encode()

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """Return the same with more signatures; one that is there already is not added."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    def verify(self, keys: Sequence[VerifierKey]) -> tuple[Signed, ...]:
        """Return who of `keys` signed, each once, a witness at the earliest of its times.

        Raises LogRefused, E_LOG_SIG, if a line with the name and ID of one of them is not its
        signature. Whether those who signed are enough is the caller's question.
        """
        known = {(key.name, key.id): key for key in keys}
        found: dict[VerifierKey, int] = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.id))
            if key is not None:
                at = _check(key, self.text, signature.body)
                found[key] = min(at, found.get(key, at))
        return tuple(Signed(key, at) for key, at in found.items())


def is_name(text: str) -> bool:
    """Whether a key may have this name: no white space of any script, no plus sign."""
    return (
        0 < len(text) <= MAX_NAME and "+" not in text and text.isprintable()
        and not any(c.isspace() for c in text)
    )  # fmt: skip


def standard_base64(text: str, what: str) -> bytes:
    """Decode canonical base64 of the standard alphabet. Raises LogRefused: E_LOG_PARSE."""
    try:
        if "-" in text or "_" in text:
            raise malformed(f"{what}: not standard base64")
        return decode_base64(text, what)
    except Malformed as error:
        raise malformed(error.message) from None


def malformed(message: str) -> LogRefused:
    """The error of everything that is not of its form."""
    return LogRefused(Code.E_LOG_PARSE, message)


def _signature(line: str) -> Signature:
    # Split at the single spaces of the form; two of them in a row give an empty part.
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not is_name(parts[1]):
        raise malformed("a note with a line that is no signature")
    data = standard_base64(parts[2], "a signature line")
    if len(data) <= _ID:
        raise malformed("a signature line without a signature")
    return Signature(parts[1], data[:_ID], data[_ID:])


def _check(key: VerifierKey, text: bytes, body: bytes) -> int:
    """Return the time of a good signature. Raises LogRefused: E_LOG_SIG."""
    at = 0
    if key.kind is Kind.WITNESS:
        at, body = int.from_bytes(body[:_TIME], "big"), body[_TIME:]
        if not 0 < at <= _LATEST:
            raise LogRefused(Code.E_LOG_SIG, "a cosignature of no possible time")
        text = _cosigned(text, at)
    try:
        key.key.verify(body, text)
    except Untrusted:
        raise LogRefused(Code.E_LOG_SIG, "a signature said to be a known key's is not") from None
    return at


def _cosigned(text: bytes, at: int) -> bytes:
    """What a witness signs (tlog-cosignature, "Ed25519 signed message")."""
    return b"cosignature/v1\ntime %d\n" % at + text
