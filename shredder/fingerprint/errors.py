"""Errors of the fingerprint.

::

    ShredderError
    ├── UsageError
    │   ├── NotEnrolled       2   there is no catalogue yet
    │   ├── UnknownColumn     2   a role is given to a column that no source has
    │   ├── NoEvidence        2   the sources have records, and no value to recognise them by
    │   └── TooManyRecords    2   more records than a catalogue can number
    └── Inconclusive
        └── CatalogueDamaged  8   the catalogue is not what enrolment wrote, or of another key
"""

from __future__ import annotations

from shredder.errors import Inconclusive, UsageError


class NotEnrolled(UsageError):
    """There is no catalogue: nothing can be recognised."""


class UnknownColumn(UsageError):
    """A role is given to a column that no source has."""


class NoEvidence(UsageError):
    """The sources have records, and no value that they could be recognised by.

    A catalogue without a token would find nothing anywhere, and that would read as absence.
    """


class TooManyRecords(UsageError):
    """The dataset has more records than a catalogue can number."""


class CatalogueDamaged(Inconclusive):
    """The catalogue is not what enrolment wrote under this key: nothing is known by it."""
