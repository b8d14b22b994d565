"""What an operator asked to be written, where they asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shredder import durable
from shredder.errors import UsageError


def hand_over(
    path: Path, chunks: Iterable[bytes], *, mode: int = 0o600, replacing: bool = True
) -> None:
    """Write a file durably, or not at all. Raises UsageError where another is in its way.

    Not `replacing`: also where one has come there by then. What is in the way is left as it is.
    """
    try:
        durable.hand_over(path, chunks, mode=mode, replacing=replacing)
    except FileExistsError as error:
        taken = Path(error.filename2 or error.filename or path)
        if taken == path:
            raise UsageError(f"{path} exists already; it is not replaced unasked") from None
        raise UsageError(
            f"{taken} is in the way: a write that was killed has left it, or somebody else's",
            hint="see what it is, and remove it",
        ) from None
