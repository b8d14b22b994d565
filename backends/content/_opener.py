"""What opens a container, and what is in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from backends.content._bounds import Bounds
from backends.content._source import Source

HEAD = 512  # bytes that recognises() gets, where the stream has them


class Declined(Exception):
    """These bytes are of another kind after all: raised before anything of them was taken."""


@dataclass(frozen=True, slots=True)
class Member:
    """Bytes of something inside, which is recognised and opened in its turn.

    Read to its end, or to where it is damaged, before the next part is asked for.
    """

    source: Source


@dataclass(frozen=True, slots=True)
class Rows:
    r"""Records with exact bounds: blocks, with their ends as :meth:`Scan.feed` takes them.

    Each record is UTF-8 text; its values are parted by ``\x1f`` or a tab, so that no token runs
    into the next. It is one record, unless a value of it may be several: by its form, or as what
    it has side by side, such as a list's elements, is parted by ``\x1e``.
    """

    blocks: Iterator[tuple[bytes, list[int]]]


@dataclass(frozen=True, slots=True)
class Beside:
    """Texts that are no records of the container's: names, entries of an index, its metadata.

    Blocks as those of :class:`Rows`. What of the dataset is in them counts; what is not, is no
    foreign record.
    """

    blocks: Iterator[tuple[bytes, list[int]]]


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes without delimiters, which make one run; see :meth:`Scan.probe`.

    `freed`: stretches of what is in use that its container has given up, and writes over when it
    likes. What of the dataset is left in them counts; nobody's record is in them any more, so none
    there is a foreign one.
    """

    chunks: Iterator[bytes]
    freed: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that cannot be looked into, for this reason code: not examined in full."""

    reason: str


Part = Member | Rows | Beside | Raw | Opaque


@runtime_checkable
class Opener(Protocol):
    """What an entry point of the group ``shredder.openers`` names."""

    name: ClassVar[str]
    """What is opened, as in ``gzip``; shown as the layer."""

    precedes: ClassVar[frozenset[str]] = frozenset()
    """Names of openers that take the same bytes for something wider: they are asked later."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that must be installed; ``doctor`` names those that are not."""

    wants: ClassVar[tuple[str, ...]] = ()
    """Modules without which some documents of the kind are not opened; named likewise."""

    def recognises(self, head: bytes) -> bool:
        """Whether a document that begins so is of this kind. Cheap, and loads no library.

        `head` has :data:`HEAD` bytes, or all that there are.
        """

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield what is inside, streamed. What follows the container stays in `source`.

        Raises Stop where reading cannot go on, and Declined; any other exception is taken for
        damage. After Stop, or damage, what is left in `source` is looked at as it is.
        """
