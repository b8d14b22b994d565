"""Which transactions were committed, by the server's files of their states (``pg_xact``).

Two bits for each transaction, 32 pages of 8 KiB a file. Of what is older than the oldest file every
transaction that left a row was committed, or its rows were removed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backends.postgres.raw.compiled import Mask, Numbers

_FIRST = 3  # below are bootstrap and frozen rows, which everybody sees
_PER_FILE = 32 * 8192 * 4
_COMMITTED = 1


class Transactions:
    """Tells states; reads each file once."""

    def __init__(self, read: Callable[[str], bytes], running_from: int) -> None:
        """`running_from`: the oldest transaction, of 32 bits, that may be running yet."""
        self._read = read
        self._running_from = running_from
        self._files: dict[int, bytes] = {}

    def committed(self, numbers: Numbers) -> Mask:
        """Whether each transaction was committed."""
        found: Mask = self._state(numbers) == _COMMITTED
        return found

    def may_commit(self, numbers: Numbers) -> Mask:
        """Whether each was committed, or may be running."""
        # Numbers go round: of two the later one is that which is less than 2**31 ahead.
        ahead = (numbers - self._running_from) & 0xFFFFFFFF
        later: Mask = (ahead < 1 << 31) & (numbers >= _FIRST)
        return self.committed(numbers) | later

    def _state(self, numbers: Numbers) -> Numbers:
        found = np.full(numbers.size, _COMMITTED, np.int64)
        plain = numbers >= _FIRST
        for which in np.unique(numbers[plain] // _PER_FILE).tolist():
            data = np.frombuffer(self._file(int(which)), np.uint8)
            here = np.flatnonzero(plain & (numbers // _PER_FILE == which))
            within = numbers[here] % _PER_FILE
            there = within // 4 < data.size
            here, within = here[there], within[there]
            found[here] = (data[within // 4] >> (2 * (within % 4)).astype(np.uint8)) & 3
        return found

    def _file(self, which: int) -> bytes:
        if which not in self._files:
            self._files[which] = self._read(f"pg_xact/{which:04X}")
        return self._files[which]
