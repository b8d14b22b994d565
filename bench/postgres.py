"""How fast a Postgres table is examined, beside ``psql -c 'COPY … TO STDOUT' >/dev/null``.

    python bench/postgres.py --rows 4000000

Both read the same table of an embedded server in turn; the ratio is of their medians. The
promise is 0.7. What bounds the examination: the server's own COPY, one process; then the two
processes of server and reader where the machine has two processors.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from backends.contract import Context, Unit
from backends.postgres import BACKEND
from bench.matcher import KEY, Survey
from demo.servers.postgres import PostgresServer, wheel_bin_dir
from shredder.fingerprint import FingerprintMatcher, enrol
from shredder.sweep.memory import keep_what_is_freed

PROMISED = 0.7
_FILL = """
CREATE TABLE answers AS
SELECT gen_random_uuid() AS respondent_id,
       'person' || n || '@example.org' AS email,
       n % 90000 AS income,
       'I would ' || md5(n::text) || ' again, and so would ' || md5((n + 1)::text) AS answer,
       now() - n * interval '1 second' AS submitted_on
  FROM generate_series(1, {rows}) n
"""


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the examination of a table.")
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer(Path(folder) / "server") as server,
    ):
        base = Path(folder)
        psql = [str(wheel_bin_dir() / "psql"), "-X", "-q", server.conninfo]
        environment = {**os.environ, "PGPASSWORD": server.password}

        def ask(statement: str) -> None:
            with Path(os.devnull).open("wb") as nowhere:
                subprocess.run(
                    [*psql, "-c", statement], check=True, stdout=nowhere, env=environment
                )

        ask(_FILL.format(rows=given.rows))
        ask("VACUUM (ANALYZE) answers")
        path = base / "catalogue"
        enrol([Survey(given.tokens)], roles={}, key=KEY, path=path)
        matcher = FingerprintMatcher(path, KEY)
        os.environ["PGPASSWORD"] = server.password
        store = BACKEND.open("warehouse", {"conninfo": server.conninfo}, Context(base, base))
        unit = next(
            entry
            for entry in store.units("postgres")
            if isinstance(entry, Unit) and entry.locator.endswith(".answers")
        )
        keep_what_is_freed()  # as a sweep does
        read = store.examine(unit, matcher).bytes_read  # compiles, and warms the cache
        copied: list[float] = []
        examined: list[float] = []
        for _ in range(given.rounds):
            copied.append(timed(lambda: ask("COPY answers TO STDOUT")))
            examined.append(timed(lambda: store.examine(unit, matcher)))
        store.close()
    copy, examine = statistics.median(copied), statistics.median(examined)
    print(f"rows: {given.rows:,}; as text: {read / 1e6:,.0f} MB; tokens: {given.tokens:,}")
    print(f"psql COPY TO STDOUT >/dev/null  {copy:6.2f} s  {read / copy / 1e6:6.0f} MB/s")
    print(f"examined                        {examine:6.2f} s  {read / examine / 1e6:6.0f} MB/s")
    said = "PASS" if copy / examine >= PROMISED else "short"
    print(f"ratio {copy / examine:.2f} (promised: {PROMISED}) {said}")
    return 0 if copy / examine >= PROMISED else 1


if __name__ == "__main__":
    raise SystemExit(main())
