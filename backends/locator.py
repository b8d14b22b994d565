"""Locators of things whose names are any bytes: readable, reversible, one line.

Percent-escaped, as ``%`` and two upper-case hex digits for each byte of the name's UTF-8, are
``%`` itself, what is no character (bytes that are not UTF-8), and characters that a terminal
or a log would obey or swallow instead of showing: controls, line and paragraph separators,
marks of direction and width. The list is fixed, not the interpreter's Unicode tables: a name
reads the same under every version.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[ -$&-~]*")
_HIDDEN = re.compile(
    "[%\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
_ESCAPE = re.compile(rb"%([0-9A-F]{2})?")


def escape(name: bytes) -> str:
    """Return a name as text in one line; unescape() gives the name back."""
    text = name.decode("utf-8", "surrogateescape")
    if _PLAIN.fullmatch(text):
        return text
    return _HIDDEN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


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
