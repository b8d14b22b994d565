"""The demo's directory trees: exports under other names, and what must survive them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from demo.survey import NAME, Record, as_csv

_LONG_AGO = 1_527_854_400  # 1 June 2018, UTC
_DEEP = Path(*(f"level-{n:02}" for n in range(20)))


class FileTrees:
    """``share`` (files) and ``exports`` (csv) in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.share = folder / "share"
        self.exports = folder / "exports"
        self.holdings: dict[Path, int] = {}  # path -> records; names of one file count once each
        self._mixed: dict[Path, list[bytes]] = {}  # path -> its records' bytes

    def plant(
        self, survey: Sequence[Record], others: Sequence[Record], *, with_undecidable: bool
    ) -> None:
        """Write both trees; they must not be there yet."""
        self.share.mkdir(parents=True)
        self.exports.mkdir()
        self._plant_share(survey)
        self._plant_exports(survey, others)
        self._plant_decoys(survey, others)
        if with_undecidable:
            self._plant_log(survey)
        for number, path in enumerate(sorted(self._files())):
            os.utime(path, ns=(when := (_LONG_AGO + number) * 10**9 + 123_456_789, when))

    def _plant_share(self, survey: Sequence[Record]) -> None:
        text = as_csv(survey, delimiter=";")
        self._hold(
            self.share / "projects" / "2018" / "backup_old_2.dat", text.encode(), len(survey)
        )
        whole = gzip.compress(as_csv(survey).encode(), compresslevel=1, mtime=_LONG_AGO)
        self._hold(self.share / "archive" / "q2.bak.gz", whole, len(survey))
        some = survey[:2000]
        text = as_csv(some, delimiter="\t", end="\r\n")
        self._hold(self.share / "from_excel.txt", text.encode("utf-16"), len(some))
        some = survey[2000:3500]
        self._hold(self.share / _DEEP / "part.csv", as_csv(some).encode(), len(some))
        some = survey[3500:4300]
        name = os.fsdecode("umfrage_für_später.csv".encode("latin-1"))  # not UTF-8
        self._hold(self.share / name, as_csv(some).encode(), len(some))
        some = survey[4300:4800]
        lines = "".join(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in some)
        self._hold(self.share / "projects" / "dump.jsonl", lines.encode(), len(some))
        some = survey[4800:5800]
        first = self.share / "linked" / "here.csv"
        self._hold(first, as_csv(some).encode(), len(some))
        second = self.share / "linked" / "and" / "there.csv"
        second.parent.mkdir()
        second.hardlink_to(first)
        self.holdings[second] = len(some)

    def _plant_exports(self, survey: Sequence[Record], others: Sequence[Record]) -> None:
        self._hold(self.exports / "answers.csv", as_csv(survey, end="\r\n").encode(), len(survey))
        packed = gzip.compress(as_csv(survey[:6000]).encode(), compresslevel=1, mtime=_LONG_AGO)
        self._hold(self.exports / "2018" / "answers.csv.gz", packed, min(6000, len(survey)))
        mine, theirs = survey[100:400], others[:2500]
        rows = [*((row, True) for row in mine), *((row, False) for row in theirs)]
        random.Random("mixed").shuffle(rows)
        path = self.exports / "crm_merge.csv"
        lines = [(as_csv([row], header=()).encode(), own) for row, own in rows]
        content = as_csv([]).encode() + b"".join(line for line, _ in lines)
        self._hold(path, content, len(mine))
        self._mixed[path] = [line for line, own in lines if own]
        path.chmod(0o640)
        _note(path)

    def _plant_decoys(self, survey: Sequence[Record], others: Sequence[Record]) -> None:
        # The addresses of people who also answered the survey, in another order than there.
        subscribers = [[row.email, "weekly"] for row in (*survey[:300], *others[:1700])]
        random.Random("newsletter").shuffle(subscribers)
        self._lay(
            self.exports / "newsletter.csv", as_csv(subscribers, ("email", "rhythm")).encode()
        )
        self._lay(self.exports / "survey_2019_11.csv", as_csv(others).encode())
        minutes = f"Minutes\n\n{NAME} is over; the next survey begins in autumn.\n" * 40
        self._lay(self.share / "notes" / "minutes.txt", minutes.encode())
        noise = random.Random("binary").randbytes(300_000)
        self._lay(self.share / "media" / "recording.bin", noise)
        log = "".join(
            f"2018-05-{n % 28 + 1:02}T08:00:00Z GET /survey/2018-05 200 {row.respondent_id}\n"
            for n, row in enumerate(others[:4000])
        )
        self._lay(self.share / "logs" / "access.log", log.encode())
        packed = gzip.compress(as_csv(others).encode(), compresslevel=1, mtime=_LONG_AGO)
        self._lay(self.share / "archive" / "q3.bak.gz", packed)
        self._lay(self.share / "projects" / "empty.dat", b"")
        _note(self.share / "notes" / "minutes.txt")

    def _plant_log(self, survey: Sequence[Record]) -> None:
        """A log that names three respondents: it can be kept or go, and a plan must not guess."""
        lines = [f"2018-06-01T07:00:{n % 60:02}Z import row {n} done\n" for n in range(500)]
        for number, row in zip((40, 41, 300), survey, strict=False):
            lines[number] = f"2018-06-01T07:01:00Z duplicate respondent {row.respondent_id}\n"
        self._hold(self.share / "logs" / "import.log", "".join(lines).encode(), 3)

    def _hold(self, path: Path, content: bytes, count: int) -> None:
        self._lay(path, content)
        self.holdings[path] = count

    def _label(self, path: Path) -> str:
        """The path from the folder of both trees, in printable characters."""
        name = os.fsencode(path.relative_to(self.folder))
        return name.decode("utf-8", "backslashreplace")

    @staticmethod
    def _lay(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)

    def _files(self) -> Iterator[Path]:
        for root in (self.share, self.exports):
            yield from (p for p in root.rglob("*") if p.is_symlink() or not p.is_dir())

    def decoys(self) -> dict[str, str]:
        """Digest everything that is no holding, with what a rewriting must keep of the mixed."""
        found = {}
        for path in self._files():
            if path in self._mixed:
                found[f"foreign part of {self._label(path)}"] = self._foreign_part(path)
            elif path not in self.holdings:
                status = path.lstat()
                place = f"{status.st_dev}:{status.st_ino}:{status.st_nlink}"
                found[self._label(path)] = f"{place} {_fingerprint(path, path.read_bytes())}"
        return found

    def _foreign_part(self, path: Path) -> str:
        content = path.read_bytes()
        for line in self._mixed[path]:
            content = content.replace(line, b"")
        return _fingerprint(path, content)

    def survivors(self, ids: bytes) -> dict[str, int]:
        """Count the lines that name a respondent in each file, by grep; `ids` one a line."""
        counts: dict[str, int] = {}
        for root in (self.share, self.exports):
            plain = _run(["grep", "-rcaF", "-f", "-", "--null", "."], root, ids)
            for entry in plain.split(b"\n")[:-1]:
                name, _, count = entry.rpartition(b"\0")
                path = root / os.fsdecode(name)
                counts[self._label(path)] = int(count)
        for path in self._files():
            with path.open("rb") as file:
                start = file.read(2)
            if start == b"\x1f\x8b":
                content = _run(["zcat", path], path.parent)
            elif start in {b"\xff\xfe", b"\xfe\xff"}:
                content = path.read_bytes().decode("utf-16").encode()
            else:
                continue
            counts[self._label(path)] = _grep(content, ids)
        return counts


def _grep(content: bytes, ids: bytes) -> int:
    """Count the lines of a text that hold one of the ids."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        ["grep", "-caF", "-f", f"/dev/fd/{reader}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[reader],
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    ) as process:
        os.close(reader)
        with os.fdopen(writer, "wb") as file:
            file.write(ids)
        output, _ = process.communicate(content)
    if process.returncode not in {0, 1}:  # 1: no line was found
        raise RuntimeError(f"grep ended with {process.returncode}")
    return int(output)


def _run(command: Sequence[str | Path], folder: Path, content: bytes = b"") -> bytes:
    done = subprocess.run(
        command,
        cwd=folder,
        input=content,
        stdout=subprocess.PIPE,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    if done.returncode != 0 and (command[0], done.returncode) != ("grep", 1):
        raise RuntimeError(f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _fingerprint(path: Path, content: bytes) -> str:
    """Digest content together with owner, mode, time and extended attributes."""
    status = path.lstat()
    kept: Mapping[str, object] = {
        "content": hashlib.sha256(content).hexdigest(),
        "mode": status.st_mode,
        "owner": (status.st_uid, status.st_gid),
        "mtime": status.st_mtime_ns,
        "xattrs": [(name, os.getxattr(path, name).hex()) for name in sorted(os.listxattr(path))],
    }
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


def _note(path: Path) -> None:
    """Give a file an extended attribute, where the file system takes one."""
    try:
        os.setxattr(path, "user.department", b"research")
    except OSError:
        return
