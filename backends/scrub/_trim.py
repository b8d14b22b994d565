"""Handing a file system's free blocks to the device as free (FITRIM, see fstrim(8))."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

_FITRIM = 0xC0185879
_RANGE = struct.Struct("=QQQ")  # start, length, shortest stretch
_SETTLED = 1.0  # seconds; blocks freed by a transaction that is not committed are not trimmed
_CODES = {
    errno.EPERM: "trim-needs-root",
    errno.EACCES: "trim-needs-root",
    errno.EOPNOTSUPP: "no-trim",
    errno.ENOTTY: "no-trim",
}


def trim(folder: int) -> tuple[int, str]:
    """Trim all of a file system; return how many bytes it says, and why it did not."""
    os.sync()
    time.sleep(_SETTLED)
    buffer = bytearray(_RANGE.pack(0, (1 << 64) - 1, 0))
    try:
        fcntl.ioctl(folder, _FITRIM, buffer)
    except OSError as error:
        if error.errno not in _CODES:
            raise
        return 0, _CODES[error.errno]
    return int(_RANGE.unpack(buffer)[1]), ""
