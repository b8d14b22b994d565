"""How long destroying a large table takes, beside a DROP of its twin and one raw write of its size.

    python bench/destroy_postgres.py --rows 10000000

Both tables lie on one embedded server, in the folder that ``--in`` names. The store goes after what
is left of the table, too: in the catalogues, the write-ahead log and, where this host may, the
files themselves. Each step is told by itself; the ratio is of all orders together, durable, to DROP
and the write, fsync included. Beside it stand verification, and what the disk takes to read the
same back: that is part of overwriting, and of no peer.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from backends.contract import Context, Holding, Order, Result, SourceSpec, Store, Technique, Unit
from backends.postgres import BACKEND
from bench.matcher import KEY, MEGA, judged
from demo.servers.postgres import PostgresServer
from shredder.fingerprint import FingerprintMatcher, enrol

ALLOWED = 1.3
_FILL = """
CREATE TABLE {name} AS
SELECT gen_random_uuid() AS respondent_id,
       'person' || n || '@example.org' AS email,
       n % 90000 AS income,
       'I would ' || md5(n::text) || ' again' AS answer
  FROM generate_series(1, {rows}) n
"""
_ENROLLED = "SELECT respondent_id, email FROM ours LIMIT 20000"


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def written(folder: Path, size: int) -> None:
    """Write a file of that size, durably."""
    block = os.urandom(MEGA)
    with (folder / "written").open("wb") as file:
        for _ in range(size // MEGA):
            file.write(block)
        os.fsync(file.fileno())


def read_back(folder: Path) -> None:
    """Read the file past the kernel's cache, or what of it the cache lets go."""
    with (folder / "written").open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.read(MEGA):
            pass


def orders(holdings: Sequence[Holding]) -> list[Order]:
    """Order what was found as a whole, in the order of stages and phases."""
    made = [(held, held.whole) for held in holdings if held.whole is not None]
    made.sort(key=lambda each: (each[1].stage, each[0].details.get("phase", 0)))
    return [
        Order(f"order-{number}", held, technique, whole=True)
        for number, (held, technique) in enumerate(made)
    ]


def destroyed(store: Store, planned: Sequence[Order], matcher: FingerprintMatcher) -> float:
    """Carry the orders out one by one, tell how long each technique took, and return the sum."""
    seconds: dict[Technique, float] = {}
    for order in planned:
        begun = time.perf_counter()
        (outcome,) = store.destroy([order], matcher)
        took = time.perf_counter() - begun
        if outcome.result not in {Result.DESTROYED, Result.ALREADY_ABSENT}:
            raise SystemExit(f"{order.technique}: {outcome.result} {outcome.reason}")
        seconds[order.technique] = seconds.get(order.technique, 0.0) + took
    for technique, took in seconds.items():
        print(f"  {technique:20} {took:7.2f} s")
    return sum(seconds.values())


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the destruction of a table.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--in", dest="folder", type=Path, default=None)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=given.folder) as folder,
        PostgresServer(Path(folder) / "server") as server,
    ):
        base = Path(folder)
        os.environ["PGPASSWORD"] = server.password
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            for name in ("peer", "ours"):
                connection.execute(_FILL.format(name=name, rows=given.rows).encode())
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")
            row = connection.execute("SELECT pg_total_relation_size('peer')").fetchone()
            size = int(row[0]) if row else 0
            context = Context(base, base)
            settings = {"conninfo": server.conninfo, "residue": True}
            store = BACKEND.open("warehouse", settings, context)
            path = base / "catalogue"
            enrol(
                [store.source(SourceSpec("warehouse", query=_ENROLLED))],
                roles={},
                key=KEY,
                path=path,
            )
            matcher = FingerprintMatcher(path, KEY)
            (unit,) = (
                entry
                for entry in store.units("postgres")
                if isinstance(entry, Unit) and entry.locator.endswith(".ours")
            )
            holdings = [*store.examine(unit, matcher).holdings]
            holdings.extend(store.companions(holdings, matcher))
            drop = timed(lambda: connection.execute("DROP TABLE peer"))
            write = timed(lambda: written(server.data_directory.parent, size))
            read = timed(lambda: read_back(server.data_directory.parent))
        print(f"{given.rows:,} rows, {size / MEGA:,.0f} MB")
        print(f"DROP {drop:.2f} s, one raw write {write:.2f} s ({size / write / MEGA:.0f} MB/s)")
        print(f"reading it back {read:.2f} s ({size / read / MEGA:.0f} MB/s)")
        planned = orders(holdings)
        took = destroyed(store, planned, matcher)
        looking = timed(lambda: list(store.verify(planned, matcher)))
        print(f"destroyed in {took:.2f} s; verified in {looking:.2f} s")
        store.close()
    judged("DROP and one raw write, of the destruction", (drop + write) / took, 1 / ALLOWED)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
