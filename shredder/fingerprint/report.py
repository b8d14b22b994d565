"""What enrolment tells the operator, by number. It names columns and no value."""

from __future__ import annotations

from dataclasses import dataclass

from shredder.fingerprint.roles import Role
from shredder.fingerprint.values import Reason


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """One column of the sources."""

    name: str
    role: Role
    guessed: bool  # left out of the configuration, and guessed from sample rows
    values: int  # that are not empty
    usable: int  # of them evidence of this column's role
    reason: Reason  # the most frequent cause of the others being none


@dataclass(frozen=True, slots=True)
class EnrolReport:
    """What became of a dataset's records."""

    records: int  # distinct ones
    repeated: int  # rows that say the same as an earlier one, in every column
    recognisable: int  # records that are recognised by any of the following
    by_ids: int  # alone, by a private value
    by_passages: int  # among others, by their free text
    by_values: int  # among others, by values beside a person, a name or a number
    tokens: int  # rows of the catalogue
    columns: tuple[ColumnReport, ...]

    @property
    def unrecognisable(self) -> int:
        """Records that a copy could hold without being found by them."""
        return self.records - self.recognisable
