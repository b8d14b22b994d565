"""Checkpoints: a log's head as a signed note (C2SP tlog-checkpoint)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from attestations.errors import Code, LogRefused
from attestations.log.note import Note, Signed, VerifierKey, malformed, standard_base64
from attestations.text import encode_base64

MAX_SIZE = 2**63 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()  # RFC 6962, 2.1

_HASH = 32
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head: whose log, how many entries, and the root hash over them.

    `more` are extension lines, which mean nothing here, and are signed all the same.
    """

    origin: str
    size: int
    root: bytes
    more: tuple[str, ...] = ()

    @classmethod
    def from_text(cls, text: bytes) -> Checkpoint:
        """Read the text of a note, strictly. Raises LogRefused: E_LOG_PARSE."""
        try:
            lines = text.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise malformed("a checkpoint that is not UTF-8") from None
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise malformed("a checkpoint has three lines at the least, and none is empty")
        origin, size, root, *more = lines
        hashed = standard_base64(root, "a checkpoint's root")
        if len(hashed) != _HASH:
            raise malformed("a checkpoint's root is not of 32 bytes")
        made = cls(origin, decimal(size, "a checkpoint's size"), hashed, tuple(more))
        if made.size == 0 and hashed != EMPTY_ROOT:
            raise malformed("a checkpoint of nothing with a root of something")
        return made

    def to_text(self) -> bytes:
        """Write what is signed."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.more)
        return "".join(f"{line}\n" for line in lines).encode()


def decimal(text: str, what: str) -> int:
    """Read ASCII digits without leading zeroes, below 2⁶³. Raises LogRefused: E_LOG_PARSE."""
    if _DECIMAL.fullmatch(text) is None or int(text) > MAX_SIZE:
        raise malformed(f"{what} is not a decimal number")
    return int(text)


def open_checkpoint(
    note: Note, keys: Sequence[VerifierKey], witnesses: Sequence[VerifierKey] = ()
) -> tuple[Checkpoint, tuple[Signed, ...]]:
    """Read a head that one of the log's `keys` signed; returns it, and the witnesses that did.

    Raises LogRefused: E_LOG_PARSE, E_LOG_SIG. Origins are the caller's to compare.
    """
    head = Checkpoint.from_text(note.text)
    signed = note.verify((*keys, *witnesses))
    if not any(each.key in keys for each in signed):
        raise LogRefused(Code.E_LOG_SIG, "a checkpoint that no key of its log signed")
    return head, tuple(each for each in signed if each.key in witnesses)
