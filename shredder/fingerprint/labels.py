"""Where a number stands under the name of the dataset's own column: in a key, a tag or a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from shredder.fingerprint.siphash import Offsets

_DELIMITERS = b",;\t|\x1f"
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')
_DIGITS = re.compile(rb"[ \"']{0,2}([0-9]{1,8})(?![0-9A-Za-z_.])")
_NONE = np.empty(0, np.int64)


class Labels:
    """Follows the header of a table from the window that has it. One for each scan."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._names = [name.encode() for name in columns]
        names = b"|".join(map(re.escape, self._names))
        # "respondent_id": 17   <respondent_id>17   respondent_id=17
        self._key = re.compile(
            rb"(?:^|[^0-9a-z_])(?:%s)[\"']?[ ]{0,2}[:=>][ ]{0,2}[\"']?([0-9]{1,8})(?![0-9a-z_.])"
            % names
        )
        self._delimiter, self._field = b"", -1

    def find(self, block: bytes, stops: Offsets) -> Offsets:
        """Return where numbers start that stand under a name; ascending."""
        if not self._names:
            return _NONE
        lower = block.lower()
        if self._field < 0 and not any(name in lower for name in self._names):
            return _NONE
        found = [match.start(1) for match in self._key.finditer(lower)]
        start = 0
        for stop in stops.tolist():
            window = lower[start:stop]
            if any(name in window for name in self._names) and self._header(window):
                pass
            elif self._field >= 0 and (at := self._at(window)) >= 0:
                found.append(start + at)
            start = stop
        return np.unique(np.array(found, np.int64))

    def _header(self, window: bytes) -> bool:
        """Remember which field has a name, if the window is a row of column names."""
        for delimiter in _DELIMITERS:
            cells = window.strip().split(bytes([delimiter]))
            bare = [cell.strip(b" \"'\r\n") for cell in cells]
            for name in self._names:
                if name in bare:
                    self._delimiter, self._field = bytes([delimiter]), bare.index(name)
                    return True
        return False

    def _at(self, window: bytes) -> int:
        """Return where in a row the number of the field begins, or -1."""
        text = _QUOTED.sub(_blotted, window) if self._field and b'"' in window else window
        at = 0
        for _ in range(self._field):
            at = text.find(self._delimiter, at) + 1
            if not at:
                return -1
        match = _DIGITS.match(window, at)
        return match.start(1) if match else -1


def _blotted(quoted: re.Match[bytes]) -> bytes:
    """Put something as long in the place of quoted text, so that it holds no delimiter."""
    return b"." * len(quoted[0])
