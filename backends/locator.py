"""Locators of things whose names are any bytes: readable, printable, reversible.

Percent-escaped, as ``%`` and two upper-case hex digits for each byte of the name's UTF-8, are
``%`` itself, what is no character (bytes that are not UTF-8), and characters that a terminal
or a log would not show as they are: control and format characters, line and paragraph
separators (Unicode categories Cc, Cf, Zl, Zp).
"""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[ -$&-~]*")
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_ESCAPE = re.compile(rb"%([0-9A-F]{2})?")


def escape(name: bytes) -> str:
    """Return a name as text without invisible characters; unescape() gives the name back."""
    text = name.decode("utf-8", "surrogateescape")
    if _PLAIN.fullmatch(text):
        return text
    return "".join(
        _escaped(char) if char == "%" or unicodedata.category(char) in _INVISIBLE else char
        for char in text
    )


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


def unescape(text: str) -> bytes:
    """Return the name that escape() was given. Raises ValueError on anything else."""
    data = _ESCAPE.sub(_byte, text.encode())
    if escape(data) != text:
        raise ValueError("not an escaped name")
    return data


def _byte(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        raise ValueError("a percent sign without two upper-case hex digits")
    return bytes.fromhex(match[1].decode("ascii"))
