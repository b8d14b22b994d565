"""Base64 as age has it: the standard alphabet, no padding, and only the canonical form."""

from __future__ import annotations

import base64
import binascii

from backends.agefile._errors import Damaged


def encoded(data: bytes) -> bytes:
    """Data as text."""
    return base64.b64encode(data).rstrip(b"=")


def decoded(text: bytes) -> bytes:
    """Text as data. Raises Damaged for every other spelling of the same data."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise Damaged("the header is not base64 where it must be") from None
    if encoded(data) != text:
        raise Damaged("the header has base64 that is not canonical")
    return data
