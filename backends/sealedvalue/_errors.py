"""What can be wrong with a sealed value."""

from __future__ import annotations


class SealedValueError(Exception):
    """Base of all; the message holds nothing of a value, nor of its cell."""


class NotSealed(SealedValueError):
    """It does not begin as a sealed value does."""


class OtherKey(SealedValueError):
    """It is sealed under another key: another dataset's, or an earlier one."""


class Altered(SealedValueError):
    """It is not what was written: altered, or cut short."""


class Misplaced(SealedValueError):
    """It is whole, and another cell's: somebody moved it, or the row's id was changed."""
