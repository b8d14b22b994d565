"""Whether one value, or one line, may hold several records, as far as its form tells.

Where it may, and the dataset's are among them, nobody can say how many others are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.content._compound import LONG
from backends.content._opener import HEAD
from backends.content._registry import identify
from backends.content._structure import is_one_value, structure_of
from backends.sealedvalue import is_sealed, is_sealed_text

WITHIN = b"\x1e"
"""Parts what a value of a row holds side by side, such as the elements of a list."""

# A closing bracket, a comma, perhaps a key, an opening one; objects line by line.
_JOINT = re.compile(
    rb"""[})\]]["']*\s*,\s*(?:[^,;{}()\[\]]{1,80}:\s*)?["']*[{(\[]|}["']*\s*[\r\n]\s*["']*{"""
)
_PARTS = re.compile(rb"""[,:;|"'\t]|[})\]]["']*[})\]]""")
_SIBLINGS = re.compile(rb"</([^>\s]+)>\s*<\1[\s/>]|/>\s*<")
_SOME = re.compile(rb"[})\]>\r\n\x1e,;|]")  # without any of these there is nothing of it
_PACKED = re.compile(rb"[A-Za-z0-9+/]{22,}={0,2}")  # a document in base64, perhaps
# In prose a space follows; tables that have one, too, are told by three lines.
_CELLS = tuple(map(re.compile, (rb",(?! )", rb";(?! )", rb"\t", rb"\|")))
_LOOSE = re.compile(rb"[,;]")
# Several identifiers or addresses: what has letters and digits, or is a long number.
_NAME = rb"(?:(?=[^\s,;|]*[A-Za-z@])(?=[^\s,;|]*[0-9@])[^\s,;|]{8,}|[0-9]{9,})"
_NAMES = re.compile(rb"%b(?:\s*[,;|\r\n]\s*%b)+" % (_NAME, _NAME))
_OPENING = (b"{", b"[", b"<")
_BREAK = re.compile(rb"\\(?:r\\)?n|\r?\n")  # as it is, or as COPY and JSON write it
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.|"")*)"', re.DOTALL)


def holds_several(value: bytes) -> bool:
    """Whether a single value of a row may be more than one record, or a document of several."""
    if is_sealed(value) or is_sealed_text(value):
        return False  # what is in it is judged where it is opened
    if len(value) > LONG:
        return True
    if not _SOME.search(value):
        return _PACKED.fullmatch(value) is not None and bool(identify(value[:HEAD])[0])
    if WITHIN in value or _has_siblings(value):
        return True
    if value.lstrip()[:1] in _OPENING and (structure := structure_of(value, complete=True)):
        return len(structure.ends(value)) > 1
    return _has_brackets(value) or _NAMES.fullmatch(value.strip()) is not None or is_table(value)


def has_joint(window: bytes) -> bool:
    """Whether a line of a text has the look of several records side by side, or in one field.

    What is nested in one value of JSON belongs to it.
    """
    broken = b"\\" in window or window.find(b"\n", 0, -2) >= 0
    if broken and any(map(is_table, _fields(window))):
        return True
    if not _has_brackets(window) and not _has_siblings(window):
        return False
    return not is_one_value(window)


def is_table(value: bytes) -> bool:
    """Whether several lines have equally many fields."""
    if b"\n" not in value and b"\r" not in value:
        return False
    lines = [line for line in value.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    if any(_alike(lines, mark, 1) for mark in _CELLS):
        return True
    return len(lines) > 2 and _alike(lines, _LOOSE, 2)


def _fields(window: bytes) -> Iterator[bytes]:
    """Yield what in a line may be a text of several lines: what is quoted, or parted by tabs."""
    parted = window.split(b"\t") if b"\t" in window else []
    for text in (*(found[1] for found in _QUOTED.finditer(window)), *parted):
        if _BREAK.search(text):
            yield _BREAK.sub(b"\n", text).strip(b"\n")


def _has_siblings(text: bytes) -> bool:
    return b"<" in text and _SIBLINGS.search(text) is not None


def _has_brackets(text: bytes) -> bool:
    """Whether brackets follow one another, and there is more in one of them than a few words."""
    if not (b")" in text or b"}" in text or b"]" in text):
        return False
    for joint in _JOINT.finditer(text):
        opening = max(text.rfind(bracket, 0, joint.start()) for bracket in (b"(", b"[", b"{"))
        if _PARTS.search(text, opening + 1, joint.start() + 1):
            return True
    return False


def _alike(lines: list[bytes], mark: re.Pattern[bytes], least: int) -> bool:
    numbers = {len(mark.findall(line)) for line in lines}
    return len(numbers) == 1 and min(numbers) >= least
