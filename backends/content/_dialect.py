"""How a delimited text writes its records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """A delimiter and a quote mark, one ASCII byte each; a quote is written twice in a field.

    That is RFC 4180 section 2 with the two marks left open. `quote` is empty where fields are
    never quoted.
    """

    delimiter: bytes
    quote: bytes = b'"'
