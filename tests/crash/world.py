"""A small survey in all four kinds of stores, planted anew in a fraction of a second.

What is read here for comparison is read by other means than shredder's: psycopg, boto3, open().
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from attestations import Policy, TimestampRules, TrustedAuthority, check, trusted_key
from attestations.keys import PublicKey
from attestations.report import Report
from backends.contract import Holding
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from demo.survey import COLUMNS, NAME, ROLES, as_csv, other_records, records
from shredder import report
from shredder.config import KEYS, load
from shredder.journal import Journal, Phase, Run
from shredder.observer import Nobody
from shredder.run.work import Work
from shredder.state import State
from tests.crash.killer import arguments

ROOT = Path(__file__).parents[2]
SURVEY, OTHERS = records(24), other_records(24)
STORES = ("exports", "keys", "lake", "share", "warehouse")
DESTROY = ("destroy", NAME, "--yes", "--include", "likely", "--dismiss", "maybe", "--json")
RESUME = ("resume", "--json")
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_IDS = frozenset(row.respondent_id.encode() for row in SURVEY)

_CONFIGURATION = """\
controller = "Example Ltd"

[stores.warehouse]
backend = "postgres"
conninfo = "service=warehouse dbname={database}"
databases = ["{database}"]

[stores.lake]
backend = "s3"
endpoint_url = "{endpoint}"
buckets = ["{database}-*"]

[stores.share]
backend = "files"
roots = ["share"]

[stores.exports]
backend = "csv"
roots = ["exports"]

[datasets.{name}]
basis = "gdpr-art-17-1-d"
sources = [{{ store = "warehouse", table = "public.survey" }}]

[datasets.{name}.columns]
{roles}
[keys]
erasure = "best-effort"

[timestamp]
authorities = ["{authority}"]

[log]
origin = "log.example/{database}"
"""


@dataclass(frozen=True)
class Came:
    """How a command ended: its exit code, or minus the signal's number; the points it reached."""

    code: int
    points: list[str]
    output: str

    @property
    def killed(self) -> bool:
        return self.code in {-signal.SIGKILL, -signal.SIGALRM}


class World:
    """The planted stores, and an operator's folder. `name` tells one from another."""

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        s3: SeaweedFS,
        authority: TimestampAuthority,
        name: str = "crash",
    ) -> None:
        self.folder, self.name, self.authority = folder / "operator", name, authority
        self.state = self.folder / ".shredder"
        self._enrolled = folder / "enrolled"
        secrets = folder / "secrets"
        for each in (self.folder, secrets):
            each.mkdir(mode=0o700)
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "PGSERVICEFILE": str(postgres.service_file(secrets / "pg_service.conf")),
            "PGPASSFILE": str(postgres.pgpass(secrets / "pgpass")),
            **s3.environment(),
        }
        self._s3 = s3.client()
        connect = {"password": postgres.password, "autocommit": True}
        with psycopg.connect(postgres.conninfo, **connect) as connection:  # type: ignore[arg-type]
            connection.execute(f"CREATE DATABASE {name}".encode())
        self._sql = psycopg.connect(postgres.conninfo, dbname=name, **connect)  # type: ignore[arg-type]
        for bucket in self._buckets:
            self._s3.create_bucket(Bucket=bucket)
        self._s3.put_bucket_versioning(
            Bucket=self._buckets[0], VersioningConfiguration={"Status": "Enabled"}
        )
        roles = "".join(f'{column} = "{role}"\n' for column, role in ROLES.items())
        (self.folder / "shredder.toml").write_text(
            _CONFIGURATION.format(
                database=name, endpoint=s3.endpoint_url, name=NAME, roles=roles,
                authority=authority.url,
            )
        )  # fmt: skip
        self._killer = subprocess.Popen(
            arguments(), cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "SHREDDER_MATCHER": "numpy"},
        )  # fmt: skip
        self._sealed: Path | None = None
        self._plant_stores()
        for words in (("init",), ("enroll", NAME), ("key", "create", NAME)):
            came = self.run(words)
            assert came.code == 0, came.output
        plain, self._sealed = folder / "plain", folder / "sealed"
        plain.write_text(as_csv(SURVEY))
        came = self.run(("seal", NAME, str(plain), "-o", str(self._sealed)))
        assert came.code == 0, came.output
        shutil.copytree(self.state, self._enrolled)

    @property
    def _buckets(self) -> tuple[str, str]:
        return f"{self.name}-lake", f"{self.name}-scratch"

    def close(self) -> None:
        self._sql.close()
        self._killer.communicate()

    # --- commands ---

    def run(self, words: tuple[str, ...], *, kill_at: int = 0, kill_after: float = 0) -> Came:
        """Run a command; with `kill_at`, to that point of it; `kill_after` is in seconds."""
        output = self.folder.parent / "output"
        request = {
            "words": words,
            "kill_at": kill_at,
            "kill_after": kill_after,
            "folder": str(self.folder),
            "environment": self._environment | {"SHREDDER_MATCHER": "numpy"},
            "output": str(output),
        }
        assert self._killer.stdin is not None
        assert self._killer.stdout is not None
        self._killer.stdin.write(json.dumps(request) + "\n")
        self._killer.stdin.flush()
        answer = json.loads(self._killer.stdout.readline())
        return Came(answer["code"], answer["points"], output.read_text())

    # --- planting ---

    def plant(self) -> None:
        """Put everything back to the moment before the first `destroy`."""
        self._plant_stores()
        shutil.rmtree(self.state)
        shutil.copytree(self._enrolled, self.state)

    def _plant_stores(self) -> None:
        self._plant_files()
        if self._sealed:
            shutil.copy(self._sealed, self.folder / "share" / "off-site.age")
        self._plant_tables()
        self._plant_objects()

    def _plant_files(self) -> None:
        share, exports = self.folder / "share", self.folder / "exports"
        for tree in (share, exports):
            shutil.rmtree(tree, ignore_errors=True)
            tree.mkdir()
        (share / "backup.dat").write_text(as_csv(SURVEY, delimiter=";"))
        (share / "q2.gz").write_bytes(gzip.compress(as_csv(SURVEY[:9]).encode(), mtime=0))
        (share / "again.dat").hardlink_to(share / "backup.dat")
        (share / "notes.txt").write_text(f"{NAME} is over\n")
        (exports / "answers.csv").write_text(as_csv(SURVEY))
        merged = [*SURVEY[3:9], *OTHERS[:12]]
        random.Random("merged").shuffle(merged)
        (exports / "merged.csv").write_text(as_csv(merged))
        letter = [(row.email, "weekly") for row in (*SURVEY[::2], *OTHERS[::2])]
        random.Random("letter").shuffle(letter)
        (exports / "newsletter.csv").write_text(as_csv(letter, ("email", "rhythm")))
        (exports / "canteen.csv").write_text(as_csv(OTHERS))

    def _plant_tables(self) -> None:
        columns = ", ".join(f"{column} text" for column in COLUMNS)
        self._sql.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        tables = {"survey": SURVEY, "crm": [*SURVEY[:5], *OTHERS[:5]], "canteen": OTHERS}
        for table, rows in tables.items():
            self._sql.execute(f"CREATE TABLE public.{table} ({columns})".encode())
            with self._sql.cursor().copy(f"COPY public.{table} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)

    def _plant_objects(self) -> None:
        for bucket in self._buckets:
            found = self._s3.list_object_versions(Bucket=bucket)
            for entry in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]:
                self._s3.delete_object(
                    Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"]
                )
            for begun in self._s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
                self._s3.abort_multipart_upload(
                    Bucket=bucket, Key=begun["Key"], UploadId=begun["UploadId"]
                )
        lake, scratch = self._buckets
        for rows in (SURVEY[:8], SURVEY, OTHERS):
            self._s3.put_object(Bucket=lake, Key="weekly.csv", Body=as_csv(rows).encode())
        self._s3.put_object(Bucket=lake, Key="menu.csv", Body=as_csv(OTHERS).encode())
        self._s3.put_object(Bucket=scratch, Key="tmp/x.csv", Body=as_csv(SURVEY[:4]).encode())
        self._s3.put_object(Bucket=scratch, Key="tmp/x.csv.txt", Body=b"what was asked\n")
        upload = self._s3.create_multipart_upload(Bucket=scratch, Key="tmp/x.csv")["UploadId"]
        self._s3.upload_part(
            Bucket=scratch, Key="tmp/x.csv", UploadId=upload, PartNumber=1,
            Body=as_csv(SURVEY[:2]).encode(),
        )  # fmt: skip

    # --- looking, by other means than shredder's ---

    def contents(self) -> list[tuple[str, bytes]]:
        """Everything that is in the stores, by name; not what tells one planting from another."""
        return sorted([*self._files(), *self._tables(), *self._objects()])

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for root in ("share", "exports"):
            for path in (self.folder / root).rglob("*"):
                yield str(path.relative_to(self.folder)), path.read_bytes()

    def _tables(self) -> Iterator[tuple[str, bytes]]:
        found = self._sql.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        for (table,) in found.fetchall():
            rows = self._sql.execute(f"SELECT * FROM public.{table} ORDER BY 1".encode()).fetchall()
            yield f"table {table}", repr(rows).encode()

    def _objects(self) -> Iterator[tuple[str, bytes]]:
        for bucket in self._buckets:
            found = self._s3.list_object_versions(Bucket=bucket)
            for entry in found.get("Versions", ()):
                key, version = entry["Key"], entry["VersionId"]
                body = self._s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"]
                yield f"{bucket}/{key}", body.read()
            for marker in found.get("DeleteMarkers", ()):
                yield f"{bucket}/{marker['Key']} marker", b""
            for upload in self._s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
                yield f"{bucket}/{upload['Key']} upload", b""

    def survivors(self) -> dict[str, int]:
        """How many records of the survey are left, wherever any is."""
        counts = {}
        for name, content in self.contents():
            text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
            if found := set(_UUID.findall(text)) & _IDS:
                counts[name] = len(found)
        return counts

    # --- what shredder says of it ---

    def runs(self) -> list[Run]:
        with Journal(self.state / "journal.sqlite") as journal:
            return journal.runs()

    def statuses(self) -> list[tuple[Any, ...]]:
        """What became of each holding of the run that was attested."""
        with Journal(self.state / "journal.sqlite") as journal:
            work = Work(
                load(self.folder / "shredder.toml"), State.open(self.state), journal, Nobody()
            )
            (run,) = [run for run in journal.runs() if run.phase is Phase.ATTESTED]
            return sorted(
                (i.holding.store, _place(i.holding), i.holding.kind, i.whole, o.status, o.reason)
                for i, o in report.outcomes(work, run)
            )

    def keys(self) -> list[str]:
        """How far the life of each key has come, by its record."""
        found = (self.state / "keys" / "records").iterdir()
        return sorted(json.loads(path.read_bytes())["state"] for path in found)

    def bundles(self) -> list[Path]:
        return sorted((self.state / "attestations").glob("*.json"))

    def audit(self, bundle: Path) -> Report:
        """What an auditor finds who trusts this operator's key and this authority."""
        key = PublicKey.from_pem((self.state / "keys" / "signing.pub.pem").read_text())
        trusted = TrustedAuthority(
            name="TSA", roots=(self.authority.root_pem,), leaves=(self.authority.leaf_pem,)
        )
        policy = Policy.new(
            keys=[trusted_key(key, name="operator")],
            timestamps=TimestampRules(threshold=1, authorities=(trusted,)),
            stores=STORES,
        )
        return check(bundle.read_bytes(), policy)


def _place(holding: Holding) -> str:
    """Where a holding lies, the same in all worlds: a key's id is random."""
    return "" if holding.store == KEYS else holding.locator


def digest(contents: list[tuple[str, bytes]]) -> dict[str, list[str]]:
    """Contents in a form that a failed comparison can show."""
    found: dict[str, list[str]] = {}
    for name, content in contents:
        found.setdefault(name, []).append(hashlib.sha256(content).hexdigest()[:12])
    return found
