"""Delimited files as sources, and what doctor says of a root."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backends import csv, files
from backends.contract import CheckStatus, Context, SourceSpec, Store
from backends.errors import SettingError, SourceError
from tests.backends.trees import another_user, let_others_near
from tests.support.mounts import unmount

Opener = Callable[..., Store]
HEAD = ("respondent_id", "email", "answer")


def rows(store: Store, path: str) -> tuple[tuple[str, ...], list[tuple[str | None, ...]], str]:
    source = store.source(SourceSpec("share", path=path))
    return tuple(source.columns), list(source), source.locator


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32-be"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_any_delimited_file_is_a_source(
    share: Path, open_store: Opener, delimiter: str, encoding: str, packed: bool
) -> None:
    body = [
        (f"resp{n:05}", f"p{n}@example.org", f"schön und gut{n},\r\nfür mich") for n in range(30)
    ]
    lines = [delimiter.join(HEAD), *(f'{a}{delimiter}{b}{delimiter}"{c}"' for a, b, c in body)]
    data = "\r\n".join(lines).encode(encoding)
    (share / "source").write_bytes(gzip.compress(data) if packed else data)
    assert (HEAD, body, "share/source") == rows(open_store(), "share/source")


def test_a_source_outside_the_roots_has_no_locator(share: Path, open_store: Opener) -> None:
    (share.parent / "source.csv").write_text("a,b\n1,2\n3,4\n")
    assert (("a", "b"), [("1", "2"), ("3", "4")], "") == rows(open_store(), "source.csv")
    assert (("a", "b"), [("1", "2"), ("3", "4")], "") == rows(open_store(), "share/../source.csv")


def test_a_source_can_be_read_twice(share: Path, open_store: Opener) -> None:
    (share / "source.csv").write_text("a,b\n1,2\n3,4\n")
    source = open_store().source(SourceSpec("share", path="share/source.csv"))
    assert list(source) == list(source)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not delimited"),
        (b"just one line of prose", "not delimited"),
        (
            b"a,b\n1,2\n3\n4,5\n6,7\n8,9\n0,1\n1,1\n",
            "record 2 of the source has 1 fields, its header 2",
        ),
        (b'a,b\n1,"2\n3,4\n', "not delimited text"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "not delimited"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 90_000, 1)[:-20], "not a whole gzip file"),
        (b"a,b\n" + b"1,2\n" * 90_000 + b"\xff\xfe,\x80\n", "not text in utf-8"),
    ],
)
def test_a_source_that_is_not_what_it_seems_is_refused(
    share: Path, open_store: Opener, content: bytes, words: str
) -> None:
    """Half a source would make a fingerprint that overlooks the other half."""
    (share / "source.csv").write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        rows(open_store(), "share/source.csv")
    assert "share/source" not in str(caught.value)


def test_what_is_no_file_is_no_source(share: Path, open_store: Opener) -> None:
    os.mkfifo(share / "fifo")
    for path in ("share/fifo", "share", "nowhere"):
        with pytest.raises(SourceError, match="cannot be opened"):
            rows(open_store(), path)
    with pytest.raises(SourceError, match="is a file"):
        open_store().source(SourceSpec("share", table="public.survey"))


def test_settings_of_csv_win_over_guesses(share: Path) -> None:
    (share / "source").write_bytes("a:b\nгод:2\nдень:4\n".encode("koi8-r"))
    context = Context(share.parent, share.parent / "none")
    settings = {"roots": ["share"], "encoding": "koi8-r", "delimiter": ":"}
    store = csv.BACKEND.open("share", settings, context)
    assert [("год", "2"), ("день", "4")] == rows(store, "share/source")[1]
    for wrong in (
        {"encoding": "no-such"},
        {"encoding": "hex"},
        {"delimiter": ";;"},
        {"delimiter": "\n"},
    ):
        with pytest.raises(SettingError):
            csv.BACKEND.open("share", {"roots": ["share"], **wrong}, context)


def test_the_doctor_names_what_can_be_done_and_proved(open_store: Opener) -> None:
    checks = {check.what: check for check in open_store().check()}
    root = {"root share: read", "root share: destroy", "root share: proof"}
    assert {*root, "swap of this machine", "formats"} == set(checks)
    assert {CheckStatus.OK} == {check.status for check in checks.values()}
    assert re.search(r"GiB free: (clear|logical-delete); ", checks["root share: proof"].detail)


def test_the_doctor_sees_what_is_missing(share: Path, open_store: Opener) -> None:
    share.rmdir()
    check, _, _ = open_store().check()
    assert (CheckStatus.FAILED, "root-missing") == (check.status, check.detail)


@pytest.mark.needs("root")
def test_the_doctor_sees_missing_rights(share: Path, open_store: Opener) -> None:
    let_others_near(share)
    share.chmod(0o755)
    store = open_store()
    with another_user():
        checks = {check.what: check for check in store.check()}
    assert CheckStatus.MISSING is checks["root share: destroy"].status
    assert "no right to write" == checks["root share: destroy"].detail
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", share], check=True)
    try:
        checks = {check.what: check for check in store.check()}
    finally:
        unmount(share)
    assert "mounted read-only" == checks["root share: destroy"].detail
    assert checks["root share: proof"].detail.startswith("tmpfs")


def test_importing_the_backends_is_cheap() -> None:
    """Numpy, clevercsv and cryptography load with the first store that is opened."""
    code = (
        "import sys, backends.files, backends.csv; "
        "print([m for m in ('numpy', 'clevercsv', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run(
        ["python", "-c", code], capture_output=True, text=True, check=True, env=_env()
    )
    assert "[]\n" == done.stdout
    assert files.BACKEND is not None


def _env() -> dict[str, str]:
    import sys

    return {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": os.pathsep.join(sys.path)}
