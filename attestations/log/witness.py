"""A witness: somebody independent who remembers a log's last head and signs what extends it.

The state is durable before the cosignature leaves: a witness that was killed in between signs
the same head again, and never an older or another one (C2SP tlog-witness, add-checkpoint).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from attestations.errors import Code, LogRefused, Malformed, Unreadable
from attestations.log.checkpoint import Checkpoint
from attestations.log.note import Kind, Note, NoteSigner, VerifierKey
from attestations.log.store import check_extends, read_head
from attestations.schema import Digest, Label, Many, Text, decode, to_bytes
from attestations.storage import read_limited, write_atomically
from attestations.strict_json import Limits, loads

MEDIA_TYPE: Final = "application/vnd.shredder.witness+json;version=1"
COSIGNED = "cosigned"  # the folder beside a log's tiles where cosigned heads are left

_LIMITS = Limits(size=2**22, depth=4, items=50_000)

MediaType = Annotated[str, Text("media type", 100)]
Vkey = Annotated[str, Text("verifier key", 300)]
Decimal = Annotated[str, Text("decimal number", 19, r"0|[1-9][0-9]{0,18}")]


@dataclass(frozen=True, slots=True)
class Seen:
    """The last head of a log that the witness signed; `size` is text, as it may exceed 2⁵³."""

    origin: Label
    key: Vkey
    size: Decimal
    root: Digest


@dataclass(frozen=True, slots=True)
class Memory:
    """The witness's whole state."""

    media_type: MediaType = MEDIA_TYPE
    logs: Annotated[tuple[Seen, ...], Many(5000, unique=True, by="origin")] = ()

    @classmethod
    def load(cls, path: Path) -> Memory:
        """Read a state; a file that is not there is an empty one. Raises LogRefused, Unreadable."""
        if not path.exists():
            return cls()
        try:
            data = read_limited(path, _LIMITS.size, "the witness's state")
            made = decode(cls, loads(data, _LIMITS, "state"), "state")
        except Malformed as error:
            # Never to be taken for an empty one: that would forget every head.
            raise LogRefused(Code.E_LOG_PARSE, error.message) from None
        if made.media_type != MEDIA_TYPE:
            raise LogRefused(Code.E_LOG_PARSE, "the witness's state is of another version")
        return made

    def seen(self, origin: str) -> Seen | None:
        """What is remembered of a log."""
        return next((each for each in self.logs if each.origin == origin), None)

    def with_seen(self, seen: Seen) -> Memory:
        """Return the same with a log's newest head."""
        others = tuple(each for each in self.logs if each.origin != seen.origin)
        return replace(self, logs=(*others, seen))


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness did: the note with its line, the head, and the size it knew before."""

    note: Note
    head: Checkpoint
    before: int


def cosign(
    folder: Path, state: Path, signer: NoteSigner, *, now: datetime, log: VerifierKey | None = None
) -> Cosigned:
    """Check that a log's head extends the last one seen, remember it, then sign it.

    `log` is the log's key, got by a way that the operator does not control; it is needed the
    first time, and remembered. Raises LogRefused: E_LOG_PARSE, E_LOG_ORIGIN, E_LOG_SIG, and
    E_FORK for a head that does not extend the last one; Unreadable. Then nothing is signed.
    """
    if signer.key.kind is not Kind.WITNESS:
        raise ValueError("a witness signs with a witness's key")
    with _locked(state):
        memory = Memory.load(state)
        key = _key(memory, log)
        _, head = found = read_head(folder, [key])
        before = memory.seen(head.origin)
        if before is not None:
            root = bytes.fromhex(before.root.removeprefix("sha256:"))
            check_extends(folder, Checkpoint(head.origin, int(before.size), root), head)
        digest = "sha256:" + head.root.hex()
        new = Seen(origin=head.origin, key=str(key), size=str(head.size), root=digest)
        if new != before:
            write_atomically(state, to_bytes(memory.with_seen(new)), mode=0o600)
        # Killed here: the head is remembered, and signed when the witness is asked again.
        note = found[0].with_signatures([signer.sign(head.to_text(), at=int(now.timestamp()))])
    return Cosigned(note, head, int(before.size) if before else 0)


def _key(memory: Memory, log: VerifierKey | None) -> VerifierKey:
    if log is None:
        if len(memory.logs) != 1:
            raise LogRefused(
                Code.E_LOG_ORIGIN,
                "which log it is cannot be told",
                hint="name its verifier key, got by a way that the operator does not control",
            )
        return VerifierKey.parse(memory.logs[0].key)
    if log.kind is not Kind.LOG:
        raise LogRefused(Code.E_LOG_ORIGIN, "the verifier key is not that of a log")
    known = memory.seen(log.name)
    if known is not None and known.key != str(log):
        raise LogRefused(Code.E_LOG_ORIGIN, "the log is remembered with another key")
    return log


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Look and remember in one: two calls at once must not sign two histories."""
    try:
        fd = os.open(
            state.with_name(state.name + ".lock"),
            os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
    except OSError as error:
        raise Unreadable(f"the witness's state cannot be locked: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
