"""The bundle: one JSON file that holds all that an auditor needs from the operator.

It carries the exact bytes of two envelopes, the plan's and the result's, each with its
timestamp responses and, where it was logged, the proof of that. It holds no key and no root:
trust comes from the auditor's policy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from attestations.errors import Code, Malformed
from attestations.log.tlogproof import MAX_PROOF
from attestations.storage import read_limited, write_atomically
from attestations.strict_json import Json, Limits, dumps, loads
from attestations.text import decode_base64, encode_base64, sha256

MEDIA_TYPE: Final = "application/vnd.shredder.bundle+json;version=1"
MAX_TOKENS = 16
LIMITS = Limits(size=16 * 2**20, depth=4, items=200)

MAX_TOKEN = 65536  # bytes; a response with its chain has 5,000


@dataclass(frozen=True, slots=True)
class Sealed:
    """One signed envelope's exact bytes, RFC 3161 responses over their SHA-256, and a log proof.

    `log` is the text of ``c2sp.org/tlog-proof@v1``, read in step 9; None if there is none.
    """

    envelope: bytes
    timestamps: tuple[bytes, ...] = ()
    log: str | None = None

    @property
    def digest(self) -> str:
        """``sha256:…`` of the envelope's bytes."""
        return sha256(self.envelope)

    def with_timestamps(self, tokens: Sequence[bytes]) -> Sealed:
        """Return the same with more timestamps; one that is there already is not added."""
        fresh = [token for token in dict.fromkeys(tokens) if token not in self.timestamps]
        return replace(self, timestamps=(*self.timestamps, *fresh))

    def with_log(self, proof: str) -> Sealed:
        """Return the same with this log proof in place of any other."""
        return replace(self, log=proof)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run's plan and result."""

    plan: Sealed
    result: Sealed

    def to_bytes(self) -> bytes:
        """Write the bundle, with a line end."""
        value = {
            "mediaType": MEDIA_TYPE,
            "plan": write_sealed(self.plan),
            "result": write_sealed(self.result),
        }
        return dumps(value) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a bundle, strictly. Raises :class:`Malformed`."""
        value = loads(data, LIMITS, "bundle")
        if not isinstance(value, dict) or set(value) != {"mediaType", "plan", "result"}:
            raise Malformed(Code.E_BUNDLE, "bundle: not the fields of a bundle")
        if value["mediaType"] != MEDIA_TYPE:
            raise Malformed(Code.E_BUNDLE, f"bundle: its mediaType is not {MEDIA_TYPE}")
        return cls(
            plan=read_sealed(value["plan"], "plan"), result=read_sealed(value["result"], "result")
        )

    def write(self, path: Path) -> None:
        """Put the bundle at `path`, whole and durable. Raises Unreadable."""
        write_atomically(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Read the bundle at `path`. Raises Malformed, Unreadable."""
        return cls.from_bytes(read_bundle(path))


def read_bundle(path: Path) -> bytes:
    """Return a bundle's bytes, unparsed. Raises Unreadable, or E_LIMIT."""
    return read_limited(path, LIMITS.size, "bundle")


def write_sealed(sealed: Sealed) -> Json:
    """Return one sealed envelope as it stands in a bundle."""
    value: dict[str, Json] = {
        "envelope": encode_base64(sealed.envelope),
        "timestamps": [encode_base64(token) for token in sealed.timestamps],
    }
    return value if sealed.log is None else {**value, "log": sealed.log}


def read_sealed(value: Json, what: str) -> Sealed:
    """Read one sealed envelope, strictly. Raises :class:`Malformed`."""
    if not isinstance(value, dict) or set(value) - {"log"} != {"envelope", "timestamps"}:
        raise Malformed(Code.E_BUNDLE, f"bundle.{what}: not its fields")
    envelope, tokens, log = value["envelope"], value["timestamps"], value.get("log", "")
    if not isinstance(envelope, str) or not isinstance(tokens, list) or not isinstance(log, str):
        raise Malformed(Code.E_BUNDLE, f"bundle.{what}: a field of the wrong type")
    if len(log) > MAX_PROOF:
        raise Malformed(Code.E_LIMIT, f"bundle.{what}: a log proof of more than {MAX_PROOF}")
    if len(tokens) > MAX_TOKENS:
        raise Malformed(Code.E_LIMIT, f"bundle.{what}: more than {MAX_TOKENS} timestamps")
    decoded = []
    for token in tokens:
        if not isinstance(token, str):
            raise Malformed(Code.E_BUNDLE, f"bundle.{what}: a timestamp that is not text")
        decoded.append(decode_base64(token, f"bundle.{what}: timestamp"))
    if any(len(token) > MAX_TOKEN for token in decoded):
        raise Malformed(Code.E_LIMIT, f"bundle.{what}: a timestamp of more than {MAX_TOKEN} bytes")
    return Sealed(
        envelope=decode_base64(envelope, f"bundle.{what}: envelope"),
        timestamps=tuple(decoded),
        log=log if "log" in value else None,
    )
