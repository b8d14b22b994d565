"""What psycopg raises, in the words of :mod:`backends.errors`.

A server's message and its detail can hold row values, so none of their text is passed on: only
the SQLSTATE is. Raise what is returned ``from None``.
"""

from __future__ import annotations

import psycopg

from backends.errors import (
    AccessDenied,
    BackendError,
    CouldNotTell,
    Unreachable,
    Vanished,
)

_REASONS = {
    "22021": "undecodable-text",
    "22P05": "undecodable-text",
    "23503": "foreign-key-reference",
    "25006": "read-only-server",
    "40P01": "deadlock",
    "55P03": "lock-timeout",
    "57014": "cancelled",
    "XX001": "data-corrupted",
    "XX002": "data-corrupted",
}
_GONE = {"42P01", "3F000", "3D000", "42704"}
# A refusal at connecting carries no SQLSTATE in libpq, so its words must serve. In a server that
# speaks another language it reads as Unreachable: nothing is known either way.
_REFUSALS = (
    "authentication failed",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "permission denied for database",
    "is not permitted to log in",
    "no password supplied",
)
_PASSWORD_HINT = "give the password by .pgpass, a service file or PGPASSWORD"  # noqa: S105 - advice


def translate(error: psycopg.Error, where: str) -> BackendError:
    """Return our error for one that a running connection raised; `where` names no locator."""
    state = error.sqlstate
    _withhold(error)
    if state is None or state.startswith(("08", "53")) or _ended(state):
        return Unreachable(f"{where}: the connection to the server was lost")
    if state == "42501" or state.startswith("28"):
        return AccessDenied(f"{where}: the server refused it (SQLSTATE {state})")
    if state in _GONE:
        return Vanished(f"{where}: it is not there any more (SQLSTATE {state})")
    reason = _REASONS.get(state, "server-error")
    return CouldNotTell(f"{where}: the server reported SQLSTATE {state}", reason=reason)


def translate_foreign(error: psycopg.Error, where: str) -> CouldNotTell:
    """Return our error for one at reading a foreign table: another server's, while ours goes on."""
    state = error.sqlstate
    _withhold(error)
    return CouldNotTell(
        f"{where}: a foreign table cannot be read (SQLSTATE {state})",
        reason="foreign-table-unread",
        hint="does the server that it names answer, and is there a user mapping?",
    )


def translate_connecting(error: psycopg.Error, where: str) -> BackendError:
    """Return our error for one that connecting raised."""
    wants_password = error.pgconn is not None and error.pgconn.needs_password
    said = str(error)
    _withhold(error)
    if wants_password or any(words in said for words in _REFUSALS):
        return AccessDenied(f"{where}: the server refused the log-in", hint=_PASSWORD_HINT)
    return Unreachable(
        f"{where}: the server does not answer", hint="is it running, and is conninfo right?"
    )


def _withhold(error: psycopg.Error) -> None:
    """Take the server's words out of an exception that may still hang on ours as its context."""
    error.args = ("the server's words are withheld: they can quote data",)


def _ended(state: str) -> bool:
    """Shut down, crashed, not up yet, idle too long, database dropped (class 57, less 57014)."""
    return state.startswith("57P")
