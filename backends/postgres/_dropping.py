"""Definitions and names in a database that hold a record, and what takes each of them out.

A name is given anew, and says nothing then; so is an option of another server's table, and a label
of an enumeration. A definition is dropped. The values of a stored generated column stay, and so do
the rows of a partition, which becomes a table of its own. What a materialised view has computed
goes. A view, a rule, a policy or a function that refers to what has another name now keeps the old
one in its tree, and may show it as an alias: it is made anew from its own text, without it.

Each alters what programs find, so it is done by the operator's word alone: a holding of definitions
has no technique that takes out records and leaves the rest. Nothing goes that others depend on, and
nothing but what holds a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from backends.contract import Evidence, Holding, Matcher, RecordClass, Scan
from backends.postgres import _parts
from backends.postgres._parts import CATALOGUES
from backends.postgres._rows import RowScan, copy_query
from backends.postgres._session import Connection
from backends.postgres._text import readable
from backends.postgres.residue.statements import as_copied

DEFINITIONS: Final = "definitions"
_COPIES = [sql.SQL("COPY ({}) TO STDOUT").format(texts) for texts in _parts.TEXTS]
_MAY_DROP = """
SELECT current_setting('is_superuser') = 'on' AND NOT pg_is_in_recovery()
   AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D')
"""
# Others depend on it; it is inherited from what may be dropped, too, and takes it along.
_NOT_ALONE = frozenset({"2BP01", "42P16"})
# What is there already, by kind: an object, a relation, a column, a function, a schema.
_TAKEN = frozenset({"42710", "42P07", "42701", "42723", "42P06"})
_TAKES_IT_NOT = ("HV", "22", "42")  # classes: a wrapper has rules of its own for options
_NOT_SO = "42"  # a class: what is made anew cannot be, with that name for another
# The names are in our own statements: the server is to remember, log or show none of these. What it
# shows it logs where it dies, or another has a deadlock with us. Bodies of functions were looked at
# when they were made, and settings that go with them are not ours.
_UNSEEN = """
SET LOCAL log_statement = 'none'; SET LOCAL log_duration = off;
SET LOCAL log_min_duration_statement = -1; SET LOCAL log_min_duration_sample = -1;
SET LOCAL log_transaction_sample_rate = 0; SET LOCAL log_min_error_statement = 'panic';
SET LOCAL log_min_messages = 'panic'; SET LOCAL client_min_messages = 'error';
SET LOCAL check_function_bodies = off; SET LOCAL track_activities = off;
SELECT pg_catalog.set_config('pg_stat_statements.track', 'none', true)
"""


def may_drop(connection: Connection) -> bool:
    """Whether this role may drop whatever it is, and nobody's program is run by that."""
    row = connection.execute(_MAY_DROP).fetchone()
    return row is not None and bool(row[0])


def read(
    connection: Connection, matcher: Matcher, *, promoted: bool = False
) -> tuple[Evidence, str]:
    """Return what all definitions hold, and their version."""
    scan = RowScan(matcher, promoted=promoted)
    version = DEFINITIONS
    for copy in _COPIES:
        copy_query(connection, copy, scan)
        version += f":{scan.digest()}"
    return scan.finish(), version


@dataclass(frozen=True, slots=True)
class Found:
    """A definition that holds a record."""

    statement: str  # takes it out; empty: none does
    catalogues: str  # have it; their names
    text: str
    turn: int  # see `_parts`
    oid: int  # of what has parts of two turns; else 0
    of_all: bool  # other databases show it, too


def found(connection: Connection, matcher: Matcher, *, promoted: bool) -> list[Found] | None:
    """Return the definitions that hold a record; None: nothing drops one of them."""
    scan = matcher.scan(promoted=promoted)
    seen: list[Found] = []
    for parts in (_parts.OWN, _parts.OF_ALL):
        with connection.cursor() as cursor:
            # Read to the end: to leave a stream cancels whatever the server is at by then.
            for statement, text, names, turn, oid in cursor.stream(parts.encode()):
                if _holds(scan, text or ""):
                    of_all = parts is _parts.OF_ALL
                    part = Found(statement or "", names or "", text, turn, int(oid), of_all)
                    seen.append(part)
    seen.sort(key=lambda each: each.turn)
    return seen if all(each.statement for each in seen) else None


def _holds(scan: Scan, text: str) -> bool:
    window = as_copied(text)
    (kind,) = scan.feed(*readable(window, [len(window)]))
    return kind == RecordClass.RECORD


def is_rest_of(planned: str, version: str, found: Sequence[Found]) -> bool:
    """Whether a version is what was planned, but for what another database's order dropped."""
    same = planned.rpartition(":")[0] == version.rpartition(":")[0]
    return same and not any(each.of_all for each in found)


def catalogues_of(holding: Holding) -> list[str]:
    """Return the catalogues that have definitions of a holding."""
    named = str(holding.details.get("catalogues", "")).split()
    return [name for name in CATALOGUES if name in named]


def oids(connection: Connection, holding: Holding) -> list[int]:
    """Return the oids of these catalogues."""
    query = "SELECT to_regclass('pg_catalog.' || unnest(%s::text[]))::oid"
    return [row[0] for row in connection.execute(query, [catalogues_of(holding)])]


def take_out(
    connection: Connection, wanted: Sequence[Found], matcher: Matcher, *, promoted: bool
) -> str:
    """Take out all that was found; else return a code for why not, and none may go."""
    connection.execute(_UNSEEN.encode())
    now: Sequence[Found] | None = wanted
    names = [each.text for each in wanted if _parts.OPTION < each.turn < _parts.DROPPED]
    for turn in (_parts.RENAMED, _parts.DROPPED, _parts.MADE_ANEW):
        if now is None:
            return "technique-not-offered"
        due = [each for each in now if turn <= each.turn < turn + 10]
        if turn == _parts.DROPPED:
            scan = matcher.scan(promoted=promoted)
            due = _not_made_anew(connection, now, names, scan)
            scan.evidence()
        if reason := _carried_out(connection, due):
            return reason
        now = found(connection, matcher, promoted=promoted)
    return "others-depend-on-it" if now or now is None else ""


def _not_made_anew(
    connection: Connection, now: Sequence[Found], names: Sequence[str], scan: Scan
) -> list[Found]:
    """Make definitions anew without names that they have as aliases; return those that are not."""
    trees = {(each.catalogues, each.oid): each for each in now if each.turn == _parts.MADE_ANEW}
    left = []
    for part in (each for each in now if each.turn == _parts.DROPPED):
        tree = trees.get((part.catalogues, part.oid))
        statement = tree.statement if tree else ""
        for number, name in enumerate(names):
            quoted = name.replace('"', '""')
            statement = statement.replace(f'"{quoted}"', f'"removed-name-{number}"')
        anew = bool(tree and statement != tree.statement) and not _holds(scan, statement)
        if not (anew and _done(connection, statement)):
            left.append(part)
    return left


def _done(connection: Connection, statement: str) -> bool:
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith(_NOT_SO):
            raise
        return False
    return True


def _carried_out(connection: Connection, due: Sequence[Found]) -> str:
    """Carry out what is due, each after what keeps it from being; return why that failed."""
    left = list(due)
    while left:
        refused = [(each, reason) for each in left if (reason := _refused(connection, each))]
        if len(refused) == len(left):
            return refused[0][1]
        left = [each for each, _ in refused]
    return ""


def _refused(connection: Connection, part: Found) -> str:
    try:
        with connection.transaction():  # a savepoint, within the order's
            connection.execute(part.statement.encode())
    except psycopg.Error as error:
        if error.sqlstate in _NOT_ALONE:
            return "others-depend-on-it"
        if part.turn == _parts.OPTION and (error.sqlstate or "").startswith(_TAKES_IT_NOT):
            return "option-not-taken"
        if error.sqlstate in _TAKEN and part.turn < _parts.DROPPED:
            return "neutral-name-taken"
        raise
    return ""
