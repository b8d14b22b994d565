"""Nothing else is harmed: ten thousand files that are not the dataset's, with all that is theirs."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.servers.tsa import TimestampAuthority
from demo.survey import as_csv, other_records, records
from tests.cli.operating import SURVEY, HereOperator

DECOYS = 10_000
FIELDS = (
    "mode", "uid", "gid", "nlink", "size", "blocks", "ino", "atime_ns", "mtime_ns", "ctime_ns",
)  # fmt: skip
MINE, THEIRS = records(60), other_records(300)

CONFIGURATION = """
[stores.share]
backend = "files"
roots = ["trees/share"]

[stores.exports]
backend = "csv"
roots = ["trees/exports"]

[datasets.survey-2018-05]
sources = [{{ store = "share", path = "survey.csv" }}]
[datasets.survey-2018-05.columns]
respondent_id = "private"

[timestamp]
authorities = ["{url}"]
"""


def contents(number: int) -> bytes:
    """What a decoy holds: as many kinds as there are remainders."""
    rows = as_csv(THEIRS[number % 200 : number % 200 + 1 + number % 5]).encode()
    return [
        rows,
        gzip.compress(rows),
        b"",
        rows.replace(b"\n", b"\r\n"),
        rows.decode().encode("utf-16"),
        hashlib.shake_128(str(number).encode()).digest(number % 700),
        rows.replace(b",", b"|"),
    ][number % 7]


def furnish(trees: Path) -> None:
    """Lay the decoys in folders of a hundred, of which the tenth ones are exports.

    A holding lies in every tenth folder of the share, a mixed one in each of the exports.
    """
    for number in range(DECOYS):
        group = number // 100
        folder = trees / ("exports" if group % 10 == 9 else "share") / f"{group:03}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        place = folder / f"decoy {number}.csv"
        odd = number % 50
        if odd == 1:
            place.symlink_to(f"decoy {number - 1}.csv")
            continue
        if odd == 2:
            os.mkfifo(place, 0o640)
            continue
        if odd == 3:
            place.hardlink_to(folder / f"decoy {number - 3}.csv")
            continue
        place.write_bytes(contents(number))
        if odd == 4:
            with place.open("r+b") as file:
                file.seek(1 << 16)
                file.write(b"the end")
        if odd % 5 == 0:
            os.setxattr(place, "user.note", f"note {number}".encode())
        if odd == 7:
            os.chown(place, 1000 + number % 7, 2000 + number % 3)
        place.chmod(0o400 + number % 0o377)
        os.utime(place, ns=(1_500_000_000_123_456_000 + number, 1_400_000_000_987_654_000 + number))
    subprocess.run(
        ["setfacl", "-m", "u:1234:r,g:4321:rw", *trees.glob("*/*/decoy *8.csv")], check=True
    )
    for folder in trees.glob("share/*0"):
        (folder / "holding.csv").write_bytes(as_csv(MINE).encode())
    for folder in trees.glob("exports/*"):
        rows = [*THEIRS[:100], *MINE[:20], *THEIRS[100:]]
        (folder / "mixed.csv").write_bytes(as_csv(rows).encode())


def untraced(path: str, flags: int) -> int:
    """Open without a trace in the time of access."""
    return os.open(path, flags | os.O_NOATIME)


def holes(place: Path, size: int) -> list[tuple[int, int]]:
    """Where a file has data."""
    found = []
    at = 0
    fd = untraced(str(place), os.O_RDONLY)
    try:
        while at < size:
            try:
                start = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found.append((start, at))
    finally:
        os.close(fd)
    return found


def facts(place: Path) -> dict[str, Any]:
    """Everything that can be told of a file without altering it."""
    status = place.lstat()
    told: dict[str, Any] = {name: getattr(status, f"st_{name}") for name in FIELDS}
    if stat.S_ISLNK(status.st_mode):
        told["target"] = place.readlink()
        return told
    told["attributes"] = {name: os.getxattr(place, name) for name in os.listxattr(place)}
    if stat.S_ISREG(status.st_mode):
        told["data"] = holes(place, status.st_size)
        with open(place, "rb", opener=untraced) as file:
            told["digest"] = hashlib.file_digest(file, "sha256").hexdigest()
    return told


def everything(trees: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tell of all that is below a folder but the holdings.

    The times of a folder change where a name in it does, and where it is looked at.
    """
    for folder, _, names in os.walk(trees):
        told = facts(Path(folder))
        del told["atime_ns"]
        if Path(folder).parent.name == "exports" or Path(folder).match("share/*0"):
            for name in ("size", "blocks", "mtime_ns", "ctime_ns"):
                del told[name]
        yield folder, told
        for name in names:
            if name not in {"holding.csv", "mixed.csv"}:
                place = Path(folder, name)
                yield str(place), facts(place)


@pytest.mark.needs("root", "xattr", "setfacl")
def test_ten_thousand_decoys_stay_as_they_are(
    tmp_path: Path, authority: TimestampAuthority
) -> None:
    operator = HereOperator(tmp_path / "desk")
    trees = operator.folder / "trees"
    furnish(trees)
    (operator.folder / "survey.csv").write_bytes(as_csv(MINE).encode())
    operator.config.write_text(CONFIGURATION.format(url=authority.url))
    for words in (["init"], ["enroll", SURVEY]):
        assert operator.run(*words).code == 0
    before = dict(everything(trees))
    kinds = {stat.S_IFMT(told["mode"]) for told in before.values()}
    assert kinds == {stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR}
    assert len(before) == DECOYS + DECOYS // 100 + 3
    assert any("system.posix_acl_access" in told.get("attributes", ()) for told in before.values())
    assert any(len(told.get("data", ())) > 1 for told in before.values())
    done = operator.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (0, "complete"), done.json.get("problems")
    assert len(done.json["holdings"]) == 20
    assert list(trees.glob("*/*/holding.csv")) == []
    assert {place.read_bytes() for place in trees.glob("exports/*/mixed.csv")} == {
        as_csv(THEIRS).encode()
    }
    after = dict(everything(trees))
    assert after.keys() == before.keys()
    differing = {place for place, told in before.items() if after[place] != told}
    assert differing == set()
