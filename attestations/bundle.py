"""The bundle: one JSON file that holds all that an auditor needs from the operator.

It carries the exact bytes of two envelopes, the plan's and the result's, each with its
timestamp responses, their renewals and, where it was logged, the proof of that. It holds no key
and no root: trust comes from the auditor's policy alone.
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
MAX_RENEWALS = 16
LIMITS = Limits(size=16 * 2**20, depth=4, items=200)

MAX_TOKEN = 65536  # bytes; a response with its chain has 5,000


@dataclass(frozen=True, slots=True)
class Sealed:
    """One signed envelope's exact bytes, RFC 3161 responses over their SHA-256, and a log proof.

    `log` is the text of ``c2sp.org/tlog-proof@v1``, read in step 9; None if there is none.
    `renewals` are responses, too, oldest first, each over all that was there before it
    (:mod:`attestations.renewal`).
    """

    envelope: bytes
    timestamps: tuple[bytes, ...] = ()
    log: str | None = None
    renewals: tuple[bytes, ...] = ()

    @property
    def digest(self) -> str:
        """``sha256:…`` of the envelope's bytes."""
        return sha256(self.envelope)

    def with_timestamps(self, tokens: Sequence[bytes]) -> Sealed:
        """Return the same with more timestamps; one that is there already is not added.

        Raises ValueError once they were renewed: a renewal is over just the timestamps before it.
        """
        fresh = [token for token in dict.fromkeys(tokens) if token not in self.timestamps]
        if fresh and self.renewals:
            raise ValueError("timestamps that were renewed cannot become more")
        return replace(self, timestamps=(*self.timestamps, *fresh))

    def with_renewal(self, token: bytes) -> Sealed:
        """Return the same with one renewal more, which is over all that is there so far."""
        return replace(self, renewals=(*self.renewals, token))

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
    if sealed.renewals:
        value["renewals"] = [encode_base64(token) for token in sealed.renewals]
    if sealed.log is not None:
        value["log"] = sealed.log
    return value


def read_sealed(value: Json, what: str) -> Sealed:
    """Read one sealed envelope, strictly. Raises :class:`Malformed`."""
    fields = {"envelope", "timestamps"}
    if not isinstance(value, dict) or not fields <= set(value) <= fields | {"renewals", "log"}:
        raise Malformed(Code.E_BUNDLE, f"bundle.{what}: not its fields")
    envelope, log = value["envelope"], value.get("log", "")
    if not isinstance(envelope, str) or not isinstance(log, str):
        raise Malformed(Code.E_BUNDLE, f"bundle.{what}: a field of the wrong type")
    if len(log) > MAX_PROOF:
        raise Malformed(Code.E_LIMIT, f"bundle.{what}: a log proof of more than {MAX_PROOF}")
    timestamps = _tokens(value["timestamps"], MAX_TOKENS, f"bundle.{what}: timestamp")
    renewals: tuple[bytes, ...] = ()
    if "renewals" in value:
        renewals = _tokens(value["renewals"], MAX_RENEWALS, f"bundle.{what}: renewal")
        if not renewals or not timestamps:
            raise Malformed(Code.E_BUNDLE, f"bundle.{what}: renewals of nothing, or none of them")
    return Sealed(
        envelope=decode_base64(envelope, f"bundle.{what}: envelope"),
        timestamps=timestamps,
        log=log if "log" in value else None,
        renewals=renewals,
    )


def _tokens(value: Json, most: int, what: str) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise Malformed(Code.E_BUNDLE, f"{what}: not a list of them")
    if len(value) > most:
        raise Malformed(Code.E_LIMIT, f"{what}: more than {most}")
    decoded = []
    for token in value:
        if not isinstance(token, str):
            raise Malformed(Code.E_BUNDLE, f"{what}: not text")
        decoded.append(decode_base64(token, what))
    if any(len(token) > MAX_TOKEN for token in decoded):
        raise Malformed(Code.E_LIMIT, f"{what}: more than {MAX_TOKEN} bytes")
    return tuple(decoded)
