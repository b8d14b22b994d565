"""Free inodes of xfs in chunks that are not all there, as free space in pieces has them made."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from pathlib import Path

import pytest

from backends.contract import untold
from backends.fsops.extents import extents_of
from backends.scrub._room import Room
from backends.scrub._xfs_inodes import taken
from tests.forensic.images import KINDS, Image, mounted

pytestmark = [pytest.mark.needs("root", "loop"), pytest.mark.needs("xfs")]

BLOCK, PIECE = 4096, 16  # bytes; blocks, of which the first and the last are kept
GROUPS, PIECES, FILES, SOME = 4, 250, 1800, 5
_PUNCH_HOLE = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE


def _allocate(fd: int, mode: int, start: int, length: int) -> bool:
    call = ctypes.CDLL(None, use_errno=True).fallocate
    return bool(call(fd, mode, ctypes.c_long(start), ctypes.c_long(length)) == 0)


def _leave_pieces(image: Image) -> None:
    """Have no aligned eight blocks free, for a whole chunk, and many fours, for half of one."""
    subprocess.run(
        ["xfs_io", "-x", "-c", "resblks 0", image.mount], check=True, capture_output=True
    )
    fd = os.open(image.mount / "filler", os.O_RDWR | os.O_CREAT)
    try:
        size = os.fstatvfs(fd).f_bavail * BLOCK
        while size >= BLOCK:
            if not _allocate(fd, 0, os.fstat(fd).st_size, size):
                size //= 2
        os.fsync(fd)
        piece = PIECE * BLOCK
        for each in extents_of(fd) or ():
            first = -(-each.physical // piece) * piece - each.physical + each.logical
            end = min(first + PIECES * piece, each.logical + each.length - piece)
            for start in range(first, end, piece):
                assert _allocate(fd, _PUNCH_HOLE, start + BLOCK, piece - 2 * BLOCK)
        os.fsync(fd)
    finally:
        os.close(fd)


def _sparse(image: Image) -> int:
    """How many chunks are not all there, as the file system's own tool tells."""
    words = [word for n in range(GROUPS) for word in (f"agi {n}", "addr root", "p")]
    command: list[str | Path] = [
        "xfs_db",
        "-r",
        *(part for word in words for part in ("-c", word)),
        image.file,
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return len(re.findall(r"\[\d+,0x[0-9a-f]+,\d+,", told))


def test_inodes_that_are_not_there_are_not_said_to_be_left(tmp_path: Path) -> None:
    with mounted(KINDS["xfs"], tmp_path) as image:
        _leave_pieces(image)
        for number in range(FILES):
            (image.place / f"{number}").touch()
        image.settle()
        assert _sparse(image) > 10
        for number in range(FILES):
            if number % SOME == 0:
                (image.place / f"{number}").unlink()
        image.settle()
        fd = os.open(image.place, os.O_RDONLY)
        with taken(fd, Room(fd, 0, 120), untold) as (number, problem):
            pass
        os.close(fd)
    assert (number >= FILES // SOME, problem) == (True, "")
