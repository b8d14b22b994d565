"""What a store may offer beside its contract: to take something sealed as a whole, and give it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import Protocol, runtime_checkable


@runtime_checkable
class Deposits(Protocol):
    """A store that takes and gives streams of bytes by name. Raises BackendError."""

    def put(self, name: str, chunks: Iterator[bytes]) -> None:
        """Write a stream under a name: whole, or not at all; nothing that is there is replaced.

        What `chunks` raises is passed on. Raises SettingError for a name that is none, or taken.
        """

    def get(self, name: str) -> tuple[BufferedReader, int]:
        """Open what lies under a name, to be closed by the caller; and its size in bytes.

        Raises SettingError if nothing does.
        """
