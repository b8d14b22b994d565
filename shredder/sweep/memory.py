"""What a process that examines does about its memory."""

from __future__ import annotations

_HELD = 31 << 20  # bytes; glibc learns from blocks of 32 MiB at the most


def keep_what_is_freed() -> None:
    """Have the allocator keep what is freed instead of handing it back block by block.

    A block of text, and what is worked out of it, is a megabyte at a time, and is freed before
    the next. What glibc hands back to the system it must ask for again, page by page, which takes
    as long as looking through it does. It learns from a large block that was freed to keep twice
    as much (mallopt(3), M_MMAP_THRESHOLD: "dynamic"); the block itself is never touched. With
    another allocator this does nothing.
    """
    block = bytearray(_HELD)
    del block
