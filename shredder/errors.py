"""Errors of the upper floor, and the exit codes of the command.

::

    ShredderError               owns an exit code, a message in the operator's words, a hint
    ├── UsageError          2   the command line or the configuration does not make sense
    ├── NothingFound        3   no holding, and an attestation of that is not asked for
    ├── Undecided           4   every holding waits for a decision
    ├── Waiting             5   what is left of a run must wait for its hours
    ├── Refused             6   a hold, a lock, no approval, another plan than the approved one
    ├── Inconclusive        8   could not look: nothing is known
    └── InvalidAttestation  9   a bundle that does not verify
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process says to a script. One meaning per number."""

    COMPLETE = 0  # done, and verified; for verify: authentic, timely and complete
    INTERNAL = 1  # a defect of shredder
    USAGE = 2  # the command line or the configuration
    NOTHING_FOUND = 3  # everything was examined and nothing of the dataset is there
    PARTIAL = 4  # some holding is left or undecided
    PENDING = 5  # a provider's waiting period runs, or the run waits for its hours
    REFUSED = 6  # hold, lock, missing approval, changed since the plan: nothing was touched
    RESIDUE = 7  # verification found what should be gone
    INCONCLUSIVE = 8  # could not look, or could not tell
    INVALID = 9  # the attestation does not verify
    NOT_COMPLETE = 10  # the attestation is authentic, but its outcome is not complete


class ShredderError(Exception):
    """Base of all. The message is one line: what, where; the hint: what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ShredderError):
    """The command line or the configuration does not make sense."""

    exit_code = ExitCode.USAGE


class NothingFound(ShredderError):
    """Everything was examined, and nothing is there."""

    exit_code = ExitCode.NOTHING_FOUND


class Undecided(ShredderError):
    """Every holding that could be destroyed waits for the operator's decision."""

    exit_code = ExitCode.PARTIAL


class Waiting(ShredderError):
    """What is left of a run locks others out, and must wait for the hours set for that."""

    exit_code = ExitCode.PENDING


class Refused(ShredderError):
    """Not allowed: a hold, a lock, a missing approval, another plan than the approved one."""

    exit_code = ExitCode.REFUSED


class Inconclusive(ShredderError):
    """Could not look, so nothing is known."""

    exit_code = ExitCode.INCONCLUSIVE


class InvalidAttestation(ShredderError):
    """A bundle that does not verify."""

    exit_code = ExitCode.INVALID
