"""Binary forms of values: what a heap file, a pickle or a record batch holds of them.

* A UUID as 16 bytes, in the order of its digits (RFC 9562 section 4) and as a GUID, whose first
  three fields are little-endian. Only those of the RFC's variant, with a version: in others any
  byte may be anything, and every position of every file would have to be looked up.
* A whole number in as few bytes as hold it, least first; at least four. Where it stands in more,
  or highest byte first, is seen to by whoever looks.
"""

from __future__ import annotations

import re

_NINE_DIGITS = 10**8  # as `values` has it
UUID_BYTES = 16
NEIGHBOURS = 3  # that are looked up beside each integer
NARROWEST, WIDEST = 4, 8  # bytes of an integer
_WHOLE = re.compile(r"[0-9]+(?:\.0*)?")


def of_uuid(digits: bytes) -> tuple[bytes, ...]:
    """Return the binary forms of a UUID of 32 hexadecimal digits."""
    plain = bytes.fromhex(digits.decode())
    if plain[8] >> 6 != 2 or not 1 <= plain[6] >> 4 <= 8:
        return ()
    return plain, plain[3::-1] + plain[5:3:-1] + plain[7:5:-1] + plain[8:]


def of_number(value: str, digits: str) -> tuple[bytes, ...]:
    """Return the binary form of a number, written as `value`, whose digits are these."""
    if not _WHOLE.fullmatch(value) or not digits:
        return ()
    number = int(digits)
    width = max(NARROWEST, (number.bit_length() + 7) // 8)
    return (number.to_bytes(width, "little"),) if width <= WIDEST else ()


def least(width: int) -> int:
    """Return the least integer that is enrolled in so many bytes: it has nine digits."""
    below: int = 256 ** (width - 1) if width > NARROWEST else 0
    return max(_NINE_DIGITS, below)
