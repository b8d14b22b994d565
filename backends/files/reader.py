"""What a kind of tree store does with a file's content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from backends.content import Reading
from backends.contract import Destruction, Matcher, Order, Step, Technique, Tell, untold
from backends.fsops.condemn import Names
from backends.fsops.identity import Version

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file, and whether its records can be taken out."""

    reading: Reading
    partial: Technique | None = None
    obstacle: str = ""  # why not


@dataclass(frozen=True, slots=True)
class Task:
    """An order to rewrite a file: everything that was found out about it so far."""

    order: Order
    matcher: Matcher
    folder: int  # descriptor
    names: Names
    version: Version
    tell: Tell = untold

    def digest_of(self, fd: int) -> str:
        """Return the keyed digest of what a file holds."""
        digest = self.matcher.digest()
        at = 0
        while data := os.pread(fd, _CHUNK, at):
            digest.update(data)
            at += len(data)
            self.tell(Step("reading", at, self.version.size, size=True))
        return digest.hexdigest()


class Reader(Protocol):
    """Reads files, and takes records out of them where it can."""

    @property
    def kind(self) -> str:
        """The backend's name."""

    @property
    def techniques(self) -> frozenset[Technique]:
        """The techniques it offers."""

    def read(self, file: BinaryIO, matcher: Matcher, *, digested: bool) -> Content:
        """Read a file from its beginning to its end; with a digest of what it holds, or not."""

    def rewrite(self, task: Task) -> Destruction:
        """Take the records out of a file. Raises Left, CutShort, OSError."""
