"""How much room is left to others, as it is written down."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%|[KMGT]iB)")
_UNITS = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}


@dataclass(frozen=True, slots=True)
class Reserve:
    """A share of a file system, or a number of bytes: ``5%``, ``500MiB``, ``2GiB``."""

    number: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Reserve:
        """Read one. Raises ValueError."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError("no size, such as 5%, 500MiB or 2GiB")
        return cls(float(match[1]), match[2])

    def bytes_of(self, place: os.PathLike[str] | int) -> int:
        """Return the bytes of it on the file system of a path or descriptor. Raises OSError."""
        if self.unit != "%":
            return int(self.number * (1 << _UNITS[self.unit]))
        space = os.statvfs(place)
        return int(space.f_blocks * space.f_frsize * self.number / 100)
