"""Records in extended attributes of files, which are examined as content is."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backends import csv, files
from backends.contract import Backend, Context, Result, Store, Technique
from tests.backends.trees import (
    HEADER,
    MATCHER,
    RECORDS,
    destroy,
    holdings,
    line,
    names_in,
    order,
    outcome,
    stranger,
    units,
)

pytestmark = pytest.mark.needs("xattr")

OTHERS = HEADER + b"".join(stranger(n) for n in range(5))


def _open(share: Path, backend: Backend) -> Store:
    return backend.open("share", {"roots": ["share"]}, Context(share.parent, share.parent / "no"))


@pytest.mark.parametrize("backend", [csv.BACKEND, files.BACKEND], ids=["csv", "files"])
def test_a_record_in_an_attribute_makes_a_file_of_others_a_mixed_holding(
    share: Path, backend: Backend
) -> None:
    (share / "x.csv").write_bytes(OTHERS)
    os.setxattr(share / "x.csv", "user.note", line(7))
    found = holdings(_open(share, backend))["share/x.csv"]
    assert (found.records, found.foreign_records) == (1, 5)
    assert (found.partial, found.obstacle) == (None, "records-in-attributes")


def test_attributes_of_nobody_in_the_dataset_are_no_foreign_records(
    share: Path, open_store: Callable[[], Store]
) -> None:
    (share / "x.csv").write_bytes(RECORDS)
    before = holdings(open_store())["share/x.csv"]
    os.setxattr(share / "x.csv", "user.mime_type", b"text/csv")
    os.setxattr(share / "x.csv", "user.note", stranger(1))
    after = holdings(open_store())["share/x.csv"]
    assert (after.records, after.foreign_records) == (before.records, before.foreign_records)
    assert after.foreign_records == 0


def test_an_attribute_that_is_packed_is_opened(
    share: Path, open_store: Callable[[], Store]
) -> None:
    """Samba keeps alternate streams so: whole files."""
    (share / "empty").touch()
    packed = gzip.compress(b"".join(line(n) for n in range(40)))
    os.setxattr(share / "empty", "user.DosStream.copy:$DATA", packed)
    found = holdings(open_store())["share/empty"]
    assert (found.records, found.foreign_records) == (40, 0)


def test_what_is_read_is_counted(share: Path, open_store: Callable[[], Store]) -> None:
    (share / "x.csv").write_bytes(OTHERS)
    os.setxattr(share / "x.csv", "user.note", stranger(1))
    store = open_store()
    (unit,) = units(store)
    assert store.examine(unit, MATCHER).bytes_read == len(OTHERS) + len(stranger(1))


def test_records_are_not_taken_out_of_a_file_whose_attributes_hold_some(share: Path) -> None:
    (share / "x.csv").write_bytes(HEADER + line(1) + stranger(1))
    assert holdings(_open(share, csv.BACKEND))["share/x.csv"].partial is not None
    os.setxattr(share / "x.csv", "user.note", line(1))
    found = holdings(_open(share, csv.BACKEND))["share/x.csv"]
    assert (found.partial, found.obstacle) == (None, "records-in-attributes")
    assert found.whole is Technique.OVERWRITE


def test_a_copy_goes_with_its_attributes(share: Path) -> None:
    (share / "x.csv").write_bytes(HEADER + RECORDS)
    os.setxattr(share / "x.csv", "user.note", line(1))
    os.link(share / "x.csv", share.parent / "witness")
    found = holdings(_open(share, csv.BACKEND))["share/x.csv"]
    assert not found.mixed
    destroy(_open(share, csv.BACKEND), order(found))
    assert names_in(share) == []
    assert os.listxattr(share.parent / "witness") == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.ERANGE])
def test_an_attribute_that_cannot_be_read_is_a_gap(
    share: Path, open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (share / "x.csv").write_bytes(RECORDS)
    os.setxattr(share / "x.csv", "user.note", b"unknown")

    def refused(*_: object) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "getxattr", refused)
    store = open_store()
    (unit,) = units(store)
    answer = store.examine(unit, MATCHER)
    assert answer.gap is not None
    assert answer.gap.reason == "attributes-unreadable"
    assert answer.holdings[0].foreign_records is None


def test_attributes_that_the_device_does_not_tell_of_are_not_called_gone(
    share: Path, open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that fails in mid-work is a double's."""
    (share / "x.csv").write_bytes(RECORDS)
    os.setxattr(share / "x.csv", "user.note", line(1))
    planned = order(holdings(open_store())["share/x.csv"])

    def refused(*_: object) -> list[str]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as failing:
        failing.setattr(os, "listxattr", refused)
        (answer,) = destroy(open_store(), planned)
    assert outcome(answer) == (Result.FAILED, "input-output-error")
    assert outcome(destroy(open_store(), planned)[0]) == (Result.DESTROYED, "")
    assert names_in(share) == []
