"""What a search for files with the same blocks gives."""

from __future__ import annotations

from dataclasses import dataclass

from backends.fsops.tree import Parts

NOT_TOLD = "sharers-not-told"
NOT_COUNTED = "sharers-not-counted"
WITHOUT_NAME = "sharer-without-name"
IN_PART = "file-system-shown-in-part"
MOVED = "moved-while-read"


@dataclass(frozen=True, slots=True)
class Shared:
    """A file that has blocks of another.

    `keeps`: also blocks of which it shows nothing stay because of it. `snapshot`: it lies in
    another subvolume than the file whose blocks it has, or is an earlier or later state of that.
    """

    parts: Parts  # from ``/``
    keeps: bool = False
    snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Hidden:
    """A subvolume with such files that no mount shows."""

    id: int
    top: Parts | None  # from the file system's top; None: it is being deleted
