"""The hours of a day in which others may be locked out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shredder import clock
from shredder.errors import UsageError

_FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Window:
    """From one time of day to another, by the clock and the time zone of this machine.

    The end is not in it. One that ends before it begins goes over midnight.
    """

    begins: dt.time
    ends: dt.time

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``22:00-05:30``. Raises UsageError."""
        match = _FORM.fullmatch(text)
        times = [int(each) for each in match.groups()] if match else []
        if not times or times[:2] == times[2:]:
            raise UsageError(f"--window {text}: no hours of a day", hint="such as 22:00-05:30")
        return cls(dt.time(times[0], times[1]), dt.time(times[2], times[3]))

    def open(self) -> bool:
        """Whether now is in it."""
        now = clock.time_of_day()
        if self.begins < self.ends:
            return self.begins <= now < self.ends
        return now >= self.begins or now < self.ends

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"


def window_of(facts: Mapping[str, Any]) -> Window | None:
    """The window that a run was begun or resumed with."""
    text = facts.get("window")
    return Window.parse(text) if text else None
