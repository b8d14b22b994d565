"""kill -9 before every step of append and of cosigning."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest

from attestations.log import Checkpoint, LogStore, Memory, Note, cosign, inspect, leave, read_head
from attestations.log.store import check_extends
from tests.attestations.log.dying import dies_at
from tests.attestations.log.making import LOG, W1, entries, entry
from tests.attestations.log.test_store import KEYS, naive_files, store_at
from tests.attestations.made import NOW


def signed_anywhere(folder: Path) -> set[Checkpoint]:
    """Every head with the log's signature in any file, temporary ones too: what a thief gets."""
    heads = set()
    for path in folder.rglob("*"):
        if path.is_file() and b"\xe2\x80\x94 " in path.read_bytes():
            note = Note.from_bytes(path.read_bytes())
            if note.verify(KEYS):
                heads.add(Checkpoint.from_text(note.text))
    return heads


@pytest.mark.parametrize(("before", "more"), [(0, 1), (255, 2)])
def test_append_is_whole_or_not_and_never_signs_two_heads_of_one_size(
    tmp_path: Path, before: int, more: int
) -> None:
    store_at(tmp_path / "good", before)
    fresh = entries(before + more)[before:]
    died = 0
    for number in itertools.count():
        folder = tmp_path / "log"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "good", folder)
        log = LogStore(folder, LOG)
        _, old = log.head()
        if not dies_at(number, lambda log=log: log.append(fresh)):  # type: ignore[misc]
            break
        died += 1
        # Whoever looks now sees one of the two heads, and all that it names.
        _, seen = read_head(folder, KEYS)
        assert seen.size in {before, before + more}
        head, faults = inspect(folder, KEYS, [old])
        assert (head, faults) == (seen, ())
        signed = signed_anywhere(folder)
        # Somebody else comes first with another entry: what was begun is brought to its end.
        assert log.append([entry(900)])[0] in {before, before + more}
        assert log.append(fresh) == tuple(log.append(fresh))
        signed |= signed_anywhere(folder)
        assert len({each.size for each in signed}) == len(signed), number
        for each in signed:
            check_extends(folder, each, log.head()[1])
        assert inspect(folder, KEYS, signed)[1] == ()
    assert died > 20
    assert log.head()[1].size == before + more


def test_a_witness_remembers_before_its_cosignature_leaves(tmp_path: Path) -> None:
    log = store_at(tmp_path / "log", 3)
    good = tmp_path / "good-state"
    cosign(log.folder, good, W1, now=NOW, log=LOG.key)
    log.append(entries(8))
    shutil.copytree(log.folder, tmp_path / "good-log")
    state, died = tmp_path / "state", 0

    def work() -> None:
        leave(log.folder, cosign(log.folder, state, W1, now=NOW), W1.key)

    for number in itertools.count():
        shutil.rmtree(log.folder)
        shutil.copytree(tmp_path / "good-log", log.folder)
        shutil.copy(good, state)
        if not dies_at(number, work):
            break
        died += 1
        seen = Memory.load(state).seen(LOG.key.name)
        assert seen is not None
        assert seen.size in {"3", "8"}
        left = [p for p in log.folder.rglob("*") if p.is_file() and b"witness.example" in p.read_bytes()]  # fmt: skip
        assert not left or seen.size == "8", number
        # Asked again, it signs the same head, whether it had got to it or not.
        assert cosign(log.folder, state, W1, now=NOW).head == log.head()[1]
    assert died > 8


def test_a_head_is_durable_after_all_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the order of fsync and rename: for a power cut, which no test here makes."""
    log = store_at(tmp_path / "log", 255)
    steps: list[tuple[str, str]] = []
    real = os.replace

    def fsync(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        steps.append(("fsync", path.relative_to(tmp_path).as_posix()))

    def replace(source: Path, to: Path) -> None:
        steps.append(
            (f"renamed {source.relative_to(tmp_path)}", Path(to).relative_to(tmp_path).as_posix())
        )
        real(source, to)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    log.append([entry(255), entry(256)])
    names = [name for what, name in steps if what.startswith("renamed")]
    tiles = {f"log/{name}" for name in naive_files(entries(257)) if name.endswith((".p/1", "/000"))}
    assert (names[0], names[-1]) == ("log/intent.json", "log/checkpoint")
    assert set(names[1:-1]) == tiles
    for at, (what, name) in enumerate(steps):
        if what.startswith("renamed"):
            # The content before the rename, the folder's new name after it and before all else.
            assert steps[at - 1] == ("fsync", what.removeprefix("renamed "))
            assert steps[at + 1] == ("fsync", str(Path(name).parent))


def test_a_signed_head_in_a_temporary_file_would_be_seen(tmp_path: Path) -> None:
    log = store_at(tmp_path / "log", 2)
    assert {each.size for each in signed_anywhere(log.folder)} == {2}
    (log.folder / ".checkpoint.tmp").write_bytes((log.folder / "checkpoint").read_bytes())
    log.append([entry(2)])
    assert {each.size for each in signed_anywhere(log.folder)} == {2, 3}
