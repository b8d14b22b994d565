"""Errors of the attestations, and the verdict codes.

::

    AttestationError                    code, message, hint; owns an exit code
    ├── Refused                    9    what was shown is wrong
    │   ├── Malformed              9    steps 1-4, 10: limits, JSON, base64, envelope, schema
    │   ├── PolicyRefused          2    step 5: the auditor's own policy cannot be used
    │   ├── Untrusted              9    steps 6, 8: signatures and the keys behind them
    │   ├── TimeRefused            9    steps 7, 12: timestamps and the order of times
    │   ├── LogRefused             9    step 9: the transparency log
    │   ├── NotAsExpected          9    steps 11, 13: not what the auditor's policy asks for
    │   ├── Contradiction          9    steps 13, 14, 16: it does not agree with itself
    │   └── Replayed               9    step 15: the chain of an issuer's attestations
    ├── KeyUnusable                2    a signing key cannot be made, read or used
    └── CouldNotTell               8    nothing is known: neither right nor wrong
        ├── TimestampUnavailable   8    no authority gave a token
        └── Unreadable             8    a file could not be read or written

"Wrong" and "could not tell" never share a class. A message is one line; it holds no record
content and no locator, and what it quotes of a hostile file is escaped and cut short.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """Verdict codes, in the order of the auditor's procedure."""

    E_LIMIT = "E_LIMIT"  # 1
    E_JSON = "E_JSON"  # 2
    E_BUNDLE = "E_BUNDLE"
    E_BASE64 = "E_BASE64"  # 3
    E_ENVELOPE = "E_ENVELOPE"  # 4
    E_PAYLOAD_TYPE = "E_PAYLOAD_TYPE"
    E_POLICY = "E_POLICY"  # 5, and 13 where the policy's demands are not met
    E_WEAK_KEY = "E_WEAK_KEY"
    E_DUP_KEY = "E_DUP_KEY"
    E_SIG = "E_SIG"  # 6
    E_THRESHOLD = "E_THRESHOLD"
    E_ROLE = "E_ROLE"
    E_TS_PARSE = "E_TS_PARSE"  # 7
    E_TS_CHAIN = "E_TS_CHAIN"
    E_TS_IMPRINT = "E_TS_IMPRINT"
    E_TS_POLICY = "E_TS_POLICY"
    E_TS_WINDOW = "E_TS_WINDOW"
    E_TS_THRESHOLD = "E_TS_THRESHOLD"
    E_KEY_TIME = "E_KEY_TIME"  # 8
    E_KEY_COMPROMISED = "E_KEY_COMPROMISED"
    E_LOG_PARSE = "E_LOG_PARSE"  # 9
    E_LOG_ORIGIN = "E_LOG_ORIGIN"
    E_LOG_SIG = "E_LOG_SIG"
    E_LOG_INCLUSION = "E_LOG_INCLUSION"
    E_LOG_QUORUM = "E_LOG_QUORUM"
    E_TYPE = "E_TYPE"  # 10
    E_SCHEMA = "E_SCHEMA"
    E_UNKNOWN_FIELD = "E_UNKNOWN_FIELD"
    E_SUBJECT = "E_SUBJECT"  # 11
    E_CHALLENGE = "E_CHALLENGE"
    E_TIME_ORDER = "E_TIME_ORDER"  # 12
    E_LAG = "E_LAG"
    E_REF = "E_REF"  # 13
    E_COUNT = "E_COUNT"
    E_VERIFY_CLAIM = "E_VERIFY_CLAIM"
    E_CE = "E_CE"
    E_PII = "E_PII"
    E_OUTCOME = "E_OUTCOME"  # 14
    E_REPLAY = "E_REPLAY"  # 15
    E_SUPERSEDED = "E_SUPERSEDED"
    E_FORK = "E_FORK"
    E_PLAN = "E_PLAN"  # 16
    E_DISCLOSURE = "E_DISCLOSURE"


class AttestationError(Exception):
    """Base of all. `code` is a verdict code or, outside of verdicts, lower-case words."""

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint


class Refused(AttestationError):
    """What was shown is wrong; `code` is a :class:`Code`."""

    exit_code = 9

    def __init__(self, code: Code, message: str, *, hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.verdict = code


class Malformed(Refused):
    """It is not of the form that the specification gives."""


class PolicyRefused(Refused):
    """The auditor's policy cannot be used: nothing was learned of the bundle."""

    exit_code = 2


class Untrusted(Refused):
    """Not signed by whom the auditor trusts, at a time when they were trusted."""


class TimeRefused(Refused):
    """A timestamp is not good, or the times do not stand in order."""


class LogRefused(Refused):
    """The log proof is missing or not good."""


class NotAsExpected(Refused):
    """It may be right, but it is not what the auditor's policy asks for."""


class Contradiction(Refused):
    """It does not agree with itself, with its plan or with its stated outcome."""


class Replayed(Refused):
    """It stands wrongly among the issuer's other attestations."""


class KeyUnusable(AttestationError):
    """A signing key cannot be made, read or used."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("key-unusable", message, hint=hint)


class CouldNotTell(AttestationError):
    """Nothing is known. Never to be read as right or as wrong."""

    exit_code = 8


class TimestampUnavailable(CouldNotTell):
    """Fewer authorities gave a token than were wanted; `got` has those that were given.

    `passing`: the trouble is of a kind that may be over at the next try. `troubled`: some
    authority gave none; otherwise all that were asked gave one, and they are too few.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        got: tuple[bytes, ...] = (),
        passing: bool = False,
        troubled: bool = True,
    ) -> None:
        super().__init__("timestamp-unavailable", message, hint=hint)
        self.got = got
        self.passing = passing
        self.troubled = troubled


class Unreadable(CouldNotTell):
    """A file could not be read or written."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("unreadable", message, hint=hint)
