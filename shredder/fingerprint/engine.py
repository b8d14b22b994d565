"""Finding the catalogue's tokens in a block: what every route does, and which one is taken.

There are two routes with equal results: numpy, which is always there, and one compiled by numba
(extra ``fast``). ``SHREDDER_MATCHER=numpy`` or ``=numba`` forces one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from shredder.errors import UsageError
from shredder.fingerprint.catalogue import Catalogue
from shredder.fingerprint.edges import outermost, whole
from shredder.fingerprint.escapes import Marks
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.siphash import Bytes, Offsets
from shredder.fingerprint.tokens import Mask

ROUTE = "SHREDDER_MATCHER"


class Engine(Protocol):
    """One route. Holds no state of a scan; may be used by several threads at once."""

    def find(self, block: bytes) -> tuple[Offsets, Offsets]:
        """Return where tokens of the catalogue start in a block, and their first rows in it.

        Ascending by place; at one place the ASCII token comes before the mixed one.
        """

    def anchors(self, block: bytes, first: int, last: int) -> tuple[Offsets, Offsets, Offsets]:
        """Return places, lengths and first rows of the catalogue's tokens, whatever is beside them.

        Those that start at `first` or after and before `last`; in no order. Tokens of fewer than
        :data:`shredder.fingerprint.starts.SHORT` bytes are not looked for.
        """

    def uuids(self, block: bytes, first: int, last: int) -> Offsets:
        """Return the rows of UUIDs, among the catalogue's binary forms, in the order of places.

        Their 16 bytes start at `first` or after and before `last`.
        """

    def integers(self, block: bytes, first: int, last: int) -> tuple[Offsets, ...]:
        """Return the rows of integers, among the catalogue's binary forms, each once.

        They start at `first` or after and before `last`, in either byte order; what is all
        printable is not looked at. Then the same for each neighbour: as if each integer in the
        block were one a step away: the next one, ten or a thousand further.
        """

    def windows(self, block: bytes, ends: Offsets) -> tuple[Mask, Offsets]:
        """Tell of each window whether it holds a letter, a digit or a byte of 0x80 or above.

        `ends` ascend to the length of the block. Returned are, too, those of them, each once,
        that part a token.
        """

    def marks(self, block: bytes) -> Marks:
        """See :func:`shredder.fingerprint.escapes.marks`."""


def choose(catalogue: Catalogue, keys: Keys) -> Engine:
    """Choose the route. Raises UsageError for a bad setting."""
    wanted = os.environ.get(ROUTE, "")
    if wanted not in {"", "numpy", "numba"}:
        raise UsageError(f"{ROUTE} is {wanted!r}: neither numpy nor numba", hint=f"unset {ROUTE}")
    if wanted != "numpy":
        try:
            # Both are imported here, for numba takes a second to load.
            from shredder.fingerprint.fast import CompiledEngine  # noqa: PLC0415
        except ImportError as problem:
            if wanted:
                raise UsageError(
                    f"{ROUTE} asks for numba, which does not load",
                    hint="install shredder-toolkit[fast]",
                ) from problem
        else:
            return CompiledEngine(catalogue, keys)
    from shredder.fingerprint.plain import PlainEngine  # noqa: PLC0415

    return PlainEngine(catalogue, keys)


def meant(
    text: Bytes, found: Sequence[tuple[Offsets, Offsets, Offsets]]
) -> tuple[Offsets, Offsets]:
    """Return places and first rows of those tokens that stand for themselves, by place.

    `found`: places, lengths and first rows.
    """
    none = np.empty(0, np.int64)
    columns = zip(*found, (none, none, none), strict=True)
    places, lengths, rows = (np.concatenate(column) for column in columns)
    if not places.size:
        return places, rows
    good = whole(text, places, places + lengths)
    places, lengths, rows = places[good], lengths[good], rows[good]
    outer = outermost(places, places + lengths)
    return places[outer], rows[outer]


def wanted_lengths(catalogue: Catalogue, size: int) -> Mask:
    """Return for each length below `size` whether the catalogue has a token of it."""
    wanted = np.zeros(size, np.bool_)
    wanted[list(catalogue.lengths)] = True
    return wanted
