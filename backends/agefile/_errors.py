"""What can be wrong with an age file."""

from __future__ import annotations


class AgeError(Exception):
    """Base of all; the message holds nothing of the file."""


class NotAge(AgeError):
    """It does not begin as an age file does, or as one of a version that is known."""


class NoMatch(AgeError):
    """It is whole as far as can be told, and for none of the keys."""


class Damaged(AgeError):
    """It is not what was written: altered, cut short or lengthened."""
