"""A server of its own with records everywhere in it, and what its data directory holds afterwards.

The oracle shares nothing with the product: it looks for the canaries' bytes in the files of the
data directory, as they lie there. So everything that is planted is stored uncompressed.
"""

from __future__ import annotations

import contextlib
import functools
import random
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from backends.conformance import Row
from backends.contract import (
    Destruction,
    Finding,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Store,
    Unit,
    Verdict,
    Verification,
)
from backends.postgres.raw.places import KINDS
from backends.reference import ReferenceMatcher
from demo.servers.postgres import PostgresServer
from shredder.fingerprint import Role
from tests.backends.postgres.place import OPERATOR, Place
from tests.fingerprint.made import Table, enrolled
from tests.needs import POSTGRES_15

RECORDS = 2000
ALL = dict.fromkeys("ENTI", RECORDS)  # addresses, notes, values in TOAST, identifiers
NONE = dict.fromkeys("ENTI", 0)
_MARK = "c0ffee15"  # begins every identifier
_VERSION = "400080"  # and this makes it one of version 4 (RFC 9562, 5.4)
SETTINGS = {
    "fsync": "off",
    "autovacuum": "off",
    "max_connections": "40",
    "max_prepared_transactions": "2",
    "shared_preload_libraries": "pg_stat_statements",
    "wal_level": "logical",
    "logging_collector": "on",
}


def row(kind: str, number: int) -> Row:
    """A row whose every value is a canary: E… is an address, N… a note."""
    drawn = random.Random(f"{kind}{number}").getrandbits(48)
    identifier = uuid.UUID(f"{_MARK}{number:04}{_VERSION}{ord(kind):02x}{drawn:012x}")
    return Row(str(identifier), f"E{kind}{number:04}@canary.example", f"N{kind}{number:04} said so")


def rows(kind: str, count: int = RECORDS) -> list[Row]:
    return [row(kind, number) for number in range(count)]


def matcher() -> ReferenceMatcher:
    ours = rows("m")
    return ReferenceMatcher(
        private=[each.respondent_id for each in ours],
        person=[each.email for each in ours],
        columns=Row._fields,
    )


def enrolled_matcher(folder: Path) -> Matcher:
    """The product's, which knows identifiers of 16 bytes as well."""
    roles = {"respondent_id": Role.PRIVATE, "email": Role.PERSON, "answer": Role.QUASI}
    return enrolled(folder / "fingerprint", Table(Row._fields, rows("m")), roles)


def canaries(data: bytes, kind: str) -> dict[str, set[bytes]]:
    """The canaries of each sort in some bytes; identifiers by two of their 16 bytes."""
    words = re.findall(rb"[ENT]" + kind.encode() + rb"[0-9]{4}", data)
    found = {sort: {each for each in words if each[:1] == sort.encode()} for sort in "ENT"}
    before, after = bytes.fromhex(_MARK), bytes.fromhex(_VERSION) + kind.encode()
    binary = re.compile(re.escape(before) + rb"(..)" + re.escape(after), re.DOTALL)
    return {**found, "I": set(binary.findall(data)) & _wholes(kind)}


@functools.cache
def _wholes(kind: str) -> frozenset[bytes]:
    return frozenset(uuid.UUID(each.respondent_id).bytes[4:6] for each in rows(kind))


def counted(directory: Path, kind: str) -> dict[str, int]:
    """How many canaries of each sort are left, and how many identifiers as 16 bytes."""
    found: dict[str, set[bytes]] = {sort: set() for sort in "ENTI"}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            for sort, seen in canaries(path.read_bytes(), kind).items():
                found[sort] |= seen
    return {sort: len(seen) for sort, seen in found.items()}


@contextlib.contextmanager
def server(directory: Path, version: int | Path, **settings: str) -> Iterator[Place]:
    """A server of a version that is at hand, or of programs, with a database on it."""
    programs = version if isinstance(version, Path) else None
    with PostgresServer(
        directory / "server",
        bin_dir=POSTGRES_15 if version == 15 else programs,
        settings=SETTINGS | settings,
    ) as running:
        with psycopg.connect(running.conninfo, password=running.password) as connection:
            connection.execute(f"CREATE ROLE {OPERATOR} LOGIN PASSWORD '{running.password}'")
        scratch = directory / "scratch"
        scratch.mkdir()
        place = Place(running, scratch)
        try:
            yield place
        finally:
            place.close()


def planted(place: Place, count: int = RECORDS) -> None:
    """Lay records down in every kind of relation, with older versions of them beside."""
    place.sql("CREATE EXTENSION pg_stat_statements")
    table(place, "pure", rows("m", count))
    table(place, "mixed", [*rows("m", count), *rows("s", count)])
    place.sql("CREATE TABLE parent (k int, id uuid, email text) PARTITION BY LIST (k)")
    place.sql("CREATE TABLE leaf PARTITION OF parent FOR VALUES IN (1)")
    place.sql("INSERT INTO parent SELECT 1, respondent_id, email FROM mixed")
    place.sql("CREATE MATERIALIZED VIEW seen AS SELECT email, respondent_id FROM mixed")
    place.sql("CREATE STATISTICS pairs (mcv) ON email, answer FROM mixed")
    lines = [f"{','.join(each)}\n" for each in rows("m", count)]
    for at in range(0, len(lines), 100):
        place.sql("SELECT lo_from_bytea(0, %s)", "".join(lines[at : at + 100]).encode())
    place.sql("SELECT lo_from_bytea(4711, 'of others')")
    place.sql("UPDATE mixed SET answer = answer || '!' WHERE answer LIKE 'Nm%'")
    place.sql("ANALYZE")
    place.sql("CHECKPOINT")
    place.sql("UPDATE mixed SET answer = rtrim(answer, '!') WHERE answer LIKE 'Nm%'")


def table(place: Place, name: str, these: Sequence[Row]) -> None:
    """Make a table whose long values lie in TOAST, with indexes."""
    place.plant(name, these)
    place.sql(f"ALTER TABLE {name} ADD long text")
    place.sql(f"ALTER TABLE {name} ALTER long SET STORAGE EXTERNAL")
    place.sql(
        f"UPDATE {name} SET long = 'T' || substr(email, 2, 5) || repeat(md5(email) || ' ', 60)"
    )
    place.sql(f"CREATE INDEX ON {name} (email)")
    place.sql(f"CREATE INDEX ON {name} (reverse(email))")
    place.sql(f"CREATE INDEX ON {name} (respondent_id)")


def logged(place: Place) -> None:
    """Have the server write a record into its log, and remember one in a statement."""
    with contextlib.suppress(psycopg.Error):
        place.sql(f"SELECT '{row('m', 0).respondent_id}'::int")
    place.sql(f"CREATE VIEW kept AS SELECT '{row('m', 1).respondent_id} Em0001'::text")
    place.sql("DROP VIEW kept")
    if (place.server.data_directory / "log").is_dir():
        await_in_log(place, row("m", 0).respondent_id)


def await_in_log(place: Place, words: str) -> None:
    """Wait until the server's collector has written something down."""
    folder = place.server.data_directory / "log"
    deadline = time.monotonic() + 20
    while not any(words in path.read_text("utf-8", "replace") for path in folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def others(place: Place) -> str:
    """What pg_dump says of all that is not destroyed, large objects aside."""
    rows_kept = place.sql("SELECT * FROM mixed WHERE email LIKE 'Es%%' ORDER BY email")
    large = place.sql("SELECT lo_get(oid) FROM pg_largeobject_metadata WHERE oid = 4711")
    return f"{place.dump('pure', 'mixed', 'leaf', 'seen', no_blobs=True)}{rows_kept}{large}"


def looked(
    store: Store, dataset: Matcher, *, places: bool = True
) -> tuple[list[Holding], list[Gap]]:
    """Sweep, as a run does: every unit, then the companions.

    Without `places` the server's files are not read, which takes longer than all else.
    """
    holdings: list[Holding] = []
    gaps: list[Gap] = []
    for scope in store.scopes():
        for entry in store.units(scope.name):
            if isinstance(entry, Unit):
                if not places and entry.kind in KINDS:
                    continue
                seen = store.examine(entry, dataset)
                holdings.extend(seen.holdings)
                gaps.extend([seen.gap] if seen.gap else [])
            else:
                gaps.append(entry)
    holdings.extend(store.companions(holdings, dataset))
    return holdings, gaps


def assert_nothing_is_left(
    place: Place, store: Store, dataset: Matcher, *, host: bool, count: int = RECORDS
) -> dict[str, Holding]:
    """Destroy all that is planted, and look at the bytes; return what had been found."""
    directory = place.server.data_directory
    everything, nothing = dict.fromkeys("ENTI", count), dict.fromkeys("ENTI", 0)
    assert counted(directory, "m") == everything
    assert counted(directory, "s") == everything
    before = others(place)
    holdings, _ = looked(store, dataset)
    planned = orders(holdings)
    assert len(holdings) == len(planned)
    outcomes, answers = carried_out(store, planned, dataset)
    assert {outcome.result for outcome in outcomes} == {Result.DESTROYED}
    assert host == any("bytes-overwritten" in outcome.numbers for outcome in outcomes)
    assert counted(directory, "m") == nothing
    assert counted(directory, "s") == everything
    assert {answer.finding for answer in answers} == {Finding.ABSENT}
    assert others(place) == before
    return {each.locator: each for each in holdings}


def orders(holdings: Sequence[Holding]) -> list[Order]:
    """What a plan makes of holdings: in the order of stages and phases."""
    made = []
    for held in holdings:
        technique = held.partial if held.mixed else held.whole
        if technique is not None and held.verdict is Verdict.COPY:
            made.append((technique.stage, int(held.details.get("phase", 0)), held, technique))
    made.sort(key=lambda each: each[:2])
    return [
        Order(f"order-{number}", held, technique, whole=False)
        for number, (_, _, held, technique) in enumerate(made)
    ]


def carried_out(
    store: Store, planned: Sequence[Order], dataset: Matcher
) -> tuple[list[Destruction], list[Verification]]:
    """Carry orders out, stage by stage, and look again."""
    outcomes: list[Destruction] = []
    for stage in sorted({order.technique.stage for order in planned}):
        now = [order for order in planned if order.technique.stage == stage]
        for at in range(0, len(now), store.traits.batch):
            outcomes.extend(store.destroy(now[at : at + store.traits.batch], dataset))
    return outcomes, list(store.verify(planned, dataset))


def findings(
    planned: Sequence[Order], answers: Sequence[Verification]
) -> dict[str, tuple[Finding, str]]:
    return {
        order.holding.locator: (answer.finding, answer.reason)
        for order, answer in zip(planned, answers, strict=True)
    }
