"""The journal: what was intended and what came of it, durable before and after each act.

SQLite with ``synchronous=FULL``: a commit is on the disk when it returns. The journal holds no
locator and no record content: it names holdings by the opaque ids of the plan, whose file lies
in the run's private folder.

Order of writes for one batch, and what a crash between them leaves::

    intend(ids)      crash: the orders are issued again; destroy() is repeatable
    backend.destroy  crash: the same; what is gone already is ALREADY_ABSENT
    record(...)      crash: the outcome stands
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from backends.contract import Destruction, Result, Verification
from shredder import clock, values
from shredder.errors import Inconclusive, UsageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    phase TEXT NOT NULL,
    facts TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    run TEXT NOT NULL REFERENCES runs (id),
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    destruction TEXT,
    verification TEXT,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    at TEXT NOT NULL,
    run TEXT NOT NULL,
    what TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_run ON events (run);
PRAGMA user_version = 1;
"""
_VERSION = 1

_INTEND = """
INSERT INTO orders (run, id, state, attempts) VALUES (?, ?, 'intended', 1)
ON CONFLICT DO UPDATE SET attempts = attempts + 1
"""
_RECORD = """
INSERT INTO orders (run, id, state, attempts, destruction) VALUES (?, ?, 'done', 0, ?)
ON CONFLICT DO UPDATE SET state = 'done', destruction = excluded.destruction
"""
# A run's place is that of its first event: clocks can be set back.
_BY_BEGINNING = "ORDER BY (SELECT min(rowid) FROM events WHERE events.run = runs.id)"


class Phase(StrEnum):
    """How far a run has come. Each is entered when all before it is durable."""

    BEGUN = "begun"
    PLANNED = "planned"  # the plan file stands and its digest is known
    ANNOUNCED = "announced"  # the plan statement is signed, and timestamped if it was to be
    APPROVED = "approved"
    EXECUTED = "executed"  # every order has its outcome
    VERIFIED = "verified"  # residue was looked for, and all stores were swept again
    ATTESTED = "attested"  # the bundle stands
    NOTHING = "nothing"  # ended: there was nothing to destroy
    ABANDONED = "abandoned"  # ended before anything was touched

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self in {Phase.ATTESTED, Phase.NOTHING, Phase.ABANDONED}

    @property
    def untouched(self) -> bool:
        """Whether it comes before the first order is issued, so that the run can be given up."""
        return self in {Phase.BEGUN, Phase.PLANNED, Phase.APPROVED}


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `facts` are JSON values: options, digests, times, the outcome."""

    id: str
    dataset: str
    phase: Phase
    facts: Mapping[str, Any]

    @property
    def forgotten(self) -> bool:
        """Whether its private manifest is destroyed, or the destruction of it was begun."""
        return "forgetting" in self.facts


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of one order."""

    id: str
    destruction: Destruction | None
    verification: Verification | None
    attempts: int  # how often the order was issued: 0 if never, more than 1 after a crash


class Journal:
    """The journal of one state directory."""

    def __init__(self, path: Path) -> None:
        try:
            # One thread of the run writes; the others report to it.
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
        except sqlite3.Error as error:
            raise _cannot(error) from error
        try:
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._check_version()
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._db.close()
            raise _cannot(error) from error
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- runs ---

    def begin(self, run: str, dataset: str, facts: Mapping[str, Any]) -> None:
        """A new run."""
        self._commit(
            [("INSERT INTO runs VALUES (?, ?, ?, ?)", (run, dataset, Phase.BEGUN, _dump(facts)))],
            run,
            Phase.BEGUN,
        )

    def enter(self, run: str, phase: Phase, **facts: Any) -> None:
        """A run has come to a phase; facts are added to those known."""
        known = dict(self.run(run).facts) | facts
        self._commit(
            [("UPDATE runs SET phase = ?, facts = ? WHERE id = ?", (phase, _dump(known), run))],
            run,
            phase,
        )

    def note(self, run: str, what: str, **facts: Any) -> None:
        """Something of a run that changes no phase; facts are added to those known."""
        known = dict(self.run(run).facts) | facts
        sql = "UPDATE runs SET facts = ? WHERE id = ?"
        self._commit([(sql, (_dump(known), run))], run, what)

    def run(self, run: str) -> Run:
        """One run. Raises UsageError if there is none."""
        for found in self._runs("WHERE id = ?", (run,)):
            return found
        raise UsageError(f"the journal knows no run {run!r}", hint="see `shredder status`")

    def runs(self, dataset: str = "") -> list[Run]:
        """All runs, or those of a dataset, oldest first."""
        if dataset:
            return self._runs("WHERE dataset = ?", (dataset,))
        return self._runs("", ())

    def _runs(self, where: str, wanted: tuple[str, ...]) -> list[Run]:
        sql = f"SELECT id, dataset, phase, facts FROM runs {where} {_BY_BEGINNING}"  # noqa: S608 - two constants
        rows = self._read(sql, wanted)
        return [Run(run, name, Phase(phase), json.loads(facts)) for run, name, phase, facts in rows]

    def attested(self, dataset: str = "") -> list[Run]:
        """The runs, of a dataset or all, that came to an attestation; the latest to do so last."""
        runs = {run.id: run for run in self.runs(dataset) if run.phase is Phase.ATTESTED}
        ends = "SELECT run FROM events WHERE what = ? GROUP BY run ORDER BY max(rowid)"
        order = [run for (run,) in self._read(ends, (Phase.ATTESTED,))]
        return [runs[run] for run in order if run in runs]

    # --- orders ---

    def intend(self, run: str, orders: Sequence[str]) -> None:
        """Durable before the backend is called."""
        self._commit(
            [
                (
                    _INTEND,
                    (run, order),
                )
                for order in orders
            ],
            run,
            f"intend {len(orders)}",
        )

    def record(self, run: str, outcomes: Iterable[Destruction]) -> None:
        """Durable after the backend has returned, or what became of orders never issued."""
        self._commit(
            [(_RECORD, (run, each.order, _dump(values.encode(each)))) for each in outcomes],
            run,
            "record",
        )

    def record_verifications(self, run: str, verifications: Iterable[Verification]) -> None:
        """What looking for residue gave."""
        self._commit(
            [
                (
                    "UPDATE orders SET verification = ? WHERE run = ? AND id = ?",
                    (_dump(values.encode(each)), run, each.order),
                )
                for each in verifications
            ],
            run,
            "verify",
        )

    def entry(self, run: str, order: str) -> Entry | None:
        """What is known of one order; None: nothing was begun with it."""
        rows = self._read(
            "SELECT id, destruction, verification, attempts FROM orders WHERE run = ? AND id = ?",
            (run, order),
        )
        return _entry(rows[0]) if rows else None

    def number(self, run: str, results: Collection[Result]) -> int:
        """How many orders came to one of these results."""
        sql = "SELECT destruction FROM orders WHERE run = ? AND destruction IS NOT NULL"
        try:
            said = (json.loads(text)["result"] for (text,) in self._db.execute(sql, (run,)))
            return sum(each in results for each in said)
        except sqlite3.Error as error:
            raise _cannot(error) from error

    def events(self, run: str) -> list[tuple[str, str]]:
        """When what was written down."""
        return [
            (at, what)
            for at, what in self._read(
                "SELECT at, what FROM events WHERE run = ? ORDER BY rowid", (run,)
            )
        ]

    # --- the database ---

    def _check_version(self) -> None:
        ((version,),) = self._db.execute("PRAGMA user_version").fetchall()
        if version > _VERSION:
            raise UsageError(
                "the journal is of a newer shredder than this one",
                hint="use that one: an older one would not understand what it has written",
            )

    def _read(self, sql: str, wanted: Sequence[str]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, wanted).fetchall()
        except sqlite3.Error as error:
            raise _cannot(error) from error

    def _commit(
        self, statements: Sequence[tuple[str, Sequence[object]]], run: str, what: str
    ) -> None:
        """All statements in one transaction, on the disk when this returns."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for sql, given in statements:
                    self._db.execute(sql, given)
                self._db.execute("INSERT INTO events VALUES (?, ?, ?)", (clock.now(), run, what))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _cannot(error) from error


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def _entry(row: tuple[Any, ...]) -> Entry:
    order, destruction, verification, attempts = row
    return Entry(
        id=order,
        destruction=values.loads(Destruction, destruction) if destruction else None,
        verification=values.loads(Verification, verification) if verification else None,
        attempts=attempts,
    )


def _cannot(error: sqlite3.Error) -> Inconclusive:
    return Inconclusive(
        f"the journal cannot be used: {error}",
        hint="is the disk of the state directory full or read-only? Then `shredder resume`",
    )
