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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from backends.contract import Destruction, Finding, Method, Result, Verification
from shredder import clock
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
PRAGMA user_version = 1;
"""

_INTEND = """
INSERT INTO orders (run, id, state, attempts) VALUES (?, ?, 'intended', 1)
ON CONFLICT DO UPDATE SET attempts = attempts + 1
"""


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


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of one order."""

    id: str
    destruction: Destruction | None
    verification: Verification | None
    attempts: int  # how often the order was issued; more than one after a crash


class Journal:
    """The journal of one state directory."""

    def __init__(self, path: Path) -> None:
        try:
            # One thread of the run writes; the others report to it.
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise _cannot(error) from error

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

    def _runs(self, where: str, values: tuple[str, ...]) -> list[Run]:
        rows = self._read(f"SELECT id, dataset, phase, facts FROM runs {where} ORDER BY id", values)  # noqa: S608 - `where` is one of two constants above
        return [Run(run, name, Phase(phase), json.loads(facts)) for run, name, phase, facts in rows]

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
        """Durable after the backend has returned."""
        self._commit(
            [
                (
                    "UPDATE orders SET state = 'done', destruction = ? WHERE run = ? AND id = ?",
                    (_dump(asdict(outcome)), run, outcome.order),
                )
                for outcome in outcomes
            ],
            run,
            "record",
        )

    def record_verifications(self, run: str, verifications: Iterable[Verification]) -> None:
        """What looking for residue gave."""
        self._commit(
            [
                (
                    "UPDATE orders SET verification = ? WHERE run = ? AND id = ?",
                    (_dump(asdict(each)), run, each.order),
                )
                for each in verifications
            ],
            run,
            "verify",
        )

    def entry(self, run: str, order: str) -> Entry | None:
        """What is known of one order; None: it was never issued."""
        rows = self._read(
            "SELECT id, destruction, verification, attempts FROM orders WHERE run = ? AND id = ?",
            (run, order),
        )
        return _entry(rows[0]) if rows else None

    def entries(self, run: str) -> Iterator[Entry]:
        """All orders of a run that were issued, in the order of their ids."""
        rows = self._db.execute(
            "SELECT id, destruction, verification, attempts FROM orders WHERE run = ? ORDER BY id",
            (run,),
        )
        return map(_entry, rows)

    def events(self, run: str) -> list[tuple[str, str]]:
        """When what was written down."""
        return [
            (at, what)
            for at, what in self._read(
                "SELECT at, what FROM events WHERE run = ? ORDER BY rowid", (run,)
            )
        ]

    # --- the database ---

    def _read(self, sql: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _cannot(error) from error

    def _commit(
        self, statements: Sequence[tuple[str, Sequence[object]]], run: str, what: str
    ) -> None:
        """All statements in one transaction, on the disk when this returns."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for sql, values in statements:
                    self._db.execute(sql, values)
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
        destruction=_destruction(json.loads(destruction)) if destruction else None,
        verification=_verification(json.loads(verification)) if verification else None,
        attempts=attempts,
    )


def _destruction(fields: dict[str, Any]) -> Destruction:
    return Destruction(
        **fields
        | {
            "result": Result(fields["result"]),
            "method": Method(fields["method"]),
            "limitations": tuple(fields["limitations"]),
        }
    )


def _verification(fields: dict[str, Any]) -> Verification:
    return Verification(
        **fields | {"finding": Finding(fields["finding"]), "looked": tuple(fields["looked"])}
    )


def _cannot(error: sqlite3.Error) -> Inconclusive:
    return Inconclusive(
        f"the journal cannot be used: {error}",
        hint="is the disk of the state directory full or read-only? Then `shredder resume`",
    )
