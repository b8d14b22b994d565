"""Persons in the order of the source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# So many, each at most this many records after the last, are no chance: by chance a step of one
# in a list of n persons has a probability of 3/n.
IN_ORDER = 8
_STEP = 3


class SourceOrder:
    """The longest chain of persons in the order of the source."""

    def __init__(self) -> None:
        self.longest = 0
        self._length = 0  # of the chain that goes on
        self._last = -1

    def feed(self, records: npt.NDArray[np.uint32]) -> None:
        """Take in the records of the windows that hold a person and no more, one each."""
        chain = np.concatenate(([self._last], records.astype(np.int64)))
        steps = np.diff(chain)
        if self._last < 0:
            steps[0] = _STEP + 1
        steps = steps[steps != 0]  # the same person again
        going_on = (steps > 0) & (steps <= _STEP)
        breaks = np.flatnonzero(~going_on)
        self._last = int(chain[-1])
        if not breaks.size:
            self._length += steps.size
            self.longest = max(self.longest, self._length)
            return
        # A break starts a chain of one; each step that goes on lengthens it.
        lengths = np.diff(breaks, append=steps.size)
        before = self._length + int(breaks[0])
        self._length = int(lengths[-1])
        self.longest = max(self.longest, before, int(lengths.max()))
