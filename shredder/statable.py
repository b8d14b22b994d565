"""What a statement can hold: forms that are asked for before anything is touched.

An attestation refuses a text that is too long, a code with a space in it, or anything like an
e-mail address. Found out when it is built, that would be too late: the holdings are gone by
then. So the configuration and every answer of a backend go through here first. The forms are
those of the attestation's schema, or narrower; a test holds the two together.
"""

from __future__ import annotations

import re
import unicodedata

from backends.contract import is_code

MOST = 2**53 - 1  # the largest whole number that every JSON reader keeps
_LONGEST_LABEL = 200
_IDENTIFIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_ADDRESS = re.compile(r"\S@\S")
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def not_a_code(text: str) -> str:
    """Why a text is no code; empty if it is one."""
    if is_code(text):
        return ""
    return "must be a code: lower-case words with dashes, like gdpr-art-17, up to 64 characters"


def not_an_identifier(text: str) -> str:
    """Why a text is no identifier; empty if it is one."""
    if _IDENTIFIER.fullmatch(text):
        return ""
    return "must be up to 64 letters, digits, dots, dashes and underscores"


def not_an_origin(text: str) -> str:
    """Why a text cannot be the origin of a log; empty if it can."""
    if not_a_label(text) or "+" in text or any(character.isspace() for character in text):
        return "must be a name like example.org/log: no white space, no plus sign"
    return ""


def not_a_label(text: str) -> str:
    """Why a text cannot be a label in a statement; empty if it can."""
    if not 0 < len(text) <= _LONGEST_LABEL:
        return f"must have 1 to {_LONGEST_LABEL} characters: it stands in the attestation"
    if _ADDRESS.search(text):
        return "looks like an e-mail address, and an attestation holds none"
    if any(unicodedata.category(character) in _STEERING for character in text):
        return "must be one line of printable characters"
    return ""
