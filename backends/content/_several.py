"""Whether one value, or one line, may hold several records, as far as its form tells.

Where it may, and the dataset's are among them, nobody can say how many others are.
"""

from __future__ import annotations

import re

from backends.content._compound import LONG
from backends.content._opener import HEAD
from backends.content._registry import identify
from backends.content._structure import is_one_value, structure_of

WITHIN = b"\x1e"
"""Parts what a value of a row holds side by side, such as the elements of a list."""

# A closing bracket, a comma, perhaps a key, an opening one; objects line by line.
_JOINT = re.compile(
    rb"""[})\]]["']*\s*,\s*(?:[^,;{}()\[\]]{1,80}:\s*)?["']*[{(\[]|}["']*\s*[\r\n]\s*["']*{"""
)
_PARTS = re.compile(rb"""[,:;|"'\t]|[})\]]["']*[})\]]""")
_SIBLINGS = re.compile(rb"</([^>\s]+)>\s*<\1[\s/>]|/>\s*<")
_SOME = re.compile(rb"[})\]>\r\n\x1e]")  # without any of these there is nothing of it
_PACKED = re.compile(rb"[A-Za-z0-9+/]{22,}={0,2}")  # a document in base64, perhaps
_DELIMITERS = (b",", b";", b"\t", b"|")


def holds_several(value: bytes) -> bool:
    """Whether a single value of a row may be more than one record, or a document of several."""
    if len(value) > LONG:
        return True
    if not _SOME.search(value):
        return _PACKED.fullmatch(value) is not None and bool(identify(value[:HEAD])[0])
    if WITHIN in value or _SIBLINGS.search(value):
        return True
    if structure := structure_of(value, complete=True):
        return len(structure.ends(value)) > 1
    return _has_brackets(value) or _is_table(value)


def has_joint(window: bytes) -> bool:
    """Whether a line of a text has the look of several records side by side.

    What is nested in one value of JSON belongs to it.
    """
    if not _has_brackets(window) and not _SIBLINGS.search(window):
        return False
    return not is_one_value(window)


def _has_brackets(text: bytes) -> bool:
    """Whether brackets follow one another, and there is more in one of them than a few words."""
    for joint in _JOINT.finditer(text):
        opening = max(text.rfind(bracket, 0, joint.start()) for bracket in (b"(", b"[", b"{"))
        if _PARTS.search(text, opening + 1, joint.start() + 1):
            return True
    return False


def _is_table(value: bytes) -> bool:
    """Whether several lines have equally many fields."""
    lines = [line for line in value.splitlines() if line.strip()]
    return len(lines) > 1 and any(_alike(lines, mark) for mark in _DELIMITERS)


def _alike(lines: list[bytes], mark: bytes) -> bool:
    numbers = {line.count(mark) for line in lines}
    return len(numbers) == 1 and 0 not in numbers
