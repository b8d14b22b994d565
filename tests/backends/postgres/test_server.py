"""The server that the demo and these tests run on: it starts, and it leaves nothing behind."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from demo.servers.postgres import PostgresServer

CHILD = """
import sys, time
from pathlib import Path
from demo.servers.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]))
server.start()
print((server.data_directory / "postmaster.pid").read_text().split()[0], server.conninfo.split()[0])
sys.stdout.flush()
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether a process runs: a zombie that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_keeps_its_data_over_a_restart_and_is_gone_afterwards(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "db", settings={"fsync": "off"}) as server:
        with psycopg.connect(server.conninfo, password=server.password) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        server.restart()
        with psycopg.connect(server.conninfo, password=server.password) as connection:
            assert (1,) == connection.execute("SELECT n FROM t").fetchone()
        pid = int((server.data_directory / "postmaster.pid").read_text().split()[0])
        socket = Path(server.conninfo.split()[0].removeprefix("host="))
        assert alive(pid)
    assert not alive(pid)
    assert not socket.exists()


def test_its_files_let_a_client_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PostgresServer(tmp_path / "db", settings={"fsync": "off"}) as server:
        passfile = server.pgpass(tmp_path / "pass word")
        assert 0o600 == passfile.stat().st_mode & 0o777
        monkeypatch.setenv("PGPASSFILE", str(passfile))
        monkeypatch.setenv(
            "PGSERVICEFILE", str(server.service_file(tmp_path / "services", "warehouse"))
        )
        with psycopg.connect("service=warehouse") as connection:
            assert "postgres" == connection.info.user


def test_it_ends_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, tmp_path / "db"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    with child:
        assert child.stdout is not None
        pid, host = child.stdout.readline().split()
        assert alive(int(pid))
        child.kill()
    socket = Path(host.removeprefix("host="))
    deadline = time.monotonic() + 20
    while (alive(int(pid)) or socket.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (False, False) == (alive(int(pid)), socket.exists())
