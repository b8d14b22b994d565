"""What can be wrong with a sealed value."""

from __future__ import annotations


class SealedValueError(Exception):
    """Base of all; the message holds nothing of a value, nor of its cell."""


class NotSealed(SealedValueError):
    """It does not begin as a sealed value does."""


class OtherKey(SealedValueError):
    """It is sealed under a key that is not there: another dataset's, an earlier one, a record's."""


class Altered(SealedValueError):
    """It is not what was written: altered, or cut short."""


class Misplaced(SealedValueError):
    """It is whole, and another cell's: somebody moved it, or the row's id was changed."""


class RecordDestroyed(SealedValueError):
    """It is sealed under its record's own key, and that is destroyed."""
