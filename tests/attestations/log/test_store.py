"""A log on disk: what it writes is what the specifications say, and what was edited is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import Code, Refused, Unreadable
from attestations.log import (
    Checkpoint,
    Kind,
    LogStore,
    Note,
    NoteSigner,
    Tiles,
    inspect,
    prove,
    read_head,
)
from attestations.log.store import INTENT, check_extends
from attestations.log.tiles import bundle, parse_name, tile_name
from tests.attestations.log import naive
from tests.attestations.log.making import LOG, ORIGIN, entries, entry, files, head_note
from tests.attestations.made import ed25519_signer

KEYS = [LOG.key]
OTHER = NoteSigner(ORIGIN, Kind.LOG, ed25519_signer(70))


def store_at(folder: Path, count: int = 0) -> LogStore:
    store = LogStore(folder, LOG)
    store.create()
    for first in range(0, count, 200):
        store.append(entries(count)[first : first + 200])
    return store


@pytest.fixture
def log(tmp_path: Path) -> LogStore:
    return store_at(tmp_path / "log", 7)


def codes(folder: Path, *remembered: Checkpoint) -> set[Code]:
    return {fault.code for fault in inspect(folder, KEYS, remembered)[1]}


def naive_files(values: list[bytes]) -> dict[str, bytes]:
    """Every tile of a tree, after tlog-tiles: MTH(D[(n*256+i)*256^l : (n*256+i+1)*256^l])."""
    leaves = [naive.leaf(value) for value in values]
    made, level, span = {}, 0, 1
    while len(leaves) // span:
        hashes = [naive.root(leaves[n * span : (n + 1) * span]) for n in range(len(leaves) // span)]
        for n in range(-(-len(hashes) // 256)):
            part = hashes[n * 256 : (n + 1) * 256]
            suffix = "" if len(part) == 256 else f".p/{len(part)}"
            made[f"tile/{level}/{n:03}{suffix}"] = b"".join(part)
        level, span = level + 1, span * 256
    for n in range(-(-len(values) // 256)):
        part = values[n * 256 : (n + 1) * 256]
        suffix = "" if len(part) == 256 else f".p/{len(part)}"
        made[f"tile/entries/{n:03}{suffix}"] = b"".join(b"\x00\x20" + value for value in part)
    return made


@pytest.mark.parametrize("count", [1, 5, 255, 256, 257, 700])
def test_tiles_are_those_of_the_specification(tmp_path: Path, count: int) -> None:
    log = store_at(tmp_path / "log", count)
    _, head = log.head()
    assert (head.size, head.root) == (count, naive.root([naive.leaf(e) for e in entries(count)]))
    found = files(log.folder)
    assert naive_files(entries(count)).items() <= found.items()
    assert inspect(log.folder, KEYS) == (head, ())


def test_a_full_tile_takes_the_place_of_partial_ones(tmp_path: Path) -> None:
    log = store_at(tmp_path / "log", 250)
    log.append(entries(300)[250:])
    assert set(files(log.folder)) == {"checkpoint", *naive_files(entries(300))}


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")],
)
def test_tiles_are_named_as_the_specification_names_them(number: int, name: str) -> None:
    assert tile_name(0, number, 256) == f"tile/0/{name}"
    assert tile_name("entries", number, 7) == f"tile/entries/{name}.p/7"
    for level, width in (("0", 256), ("12", 7), ("entries", 255)):
        assert parse_name(tile_name(level, number, width).removeprefix("tile/")) == (level, number, width)  # fmt: skip


@pytest.mark.parametrize("name", ["0/0000", "0/00", "00/000", "0/x000/000", "0/000.p/0", "0/000.p/256", "0/000.p/07", "0/000/1", "x/000", "0/１23"])  # fmt: skip
def test_a_name_of_another_form_is_no_tile(name: str) -> None:
    assert parse_name(name) is None


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=5), st.data())
def test_every_proof_that_it_makes_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], data: st.DataObject
) -> None:
    """However the log grew, against the naive tree."""
    log = store_at(tmp_path_factory.mktemp("log"))
    count, notes = 0, []
    for step in steps:
        log.append(entries(count + step)[count:])
        count += step
        notes.append(log.head())
    leaves = [naive.leaf(e) for e in entries(count)]
    index = data.draw(st.integers(0, count - 1))
    heads = [head for _, head in notes]
    note, head = data.draw(st.sampled_from([pair for pair in notes if pair[1].size > index]))
    proof = prove(log.folder, entry(index), index, note)
    assert list(proof.path) == naive.path(index, leaves[: head.size])
    for head in heads:
        assert head.root == naive.root(leaves[: head.size])
        check_extends(log.folder, head, heads[-1])
    assert inspect(log.folder, KEYS, heads)[1] == ()


def test_no_proof_is_made_that_does_not_hold(log: LogStore) -> None:
    note, _ = log.head()
    for value, index in ((entry(1), 2), (entry(9), 2), (entry(7), 7), (entry(0), -1)):
        with pytest.raises(Refused) as caught:
            prove(log.folder, value, index, note)
        assert caught.value.verdict == Code.E_LOG_INCLUSION
    flip(log.folder / "tile/0/000.p/7")
    with pytest.raises(Refused):
        prove(log.folder, entry(4), 4, note)


def test_nothing_is_appended_to_edited_entries(log: LogStore) -> None:
    flip(log.folder / "tile/entries/000.p/7")
    before = files(log.folder)
    with pytest.raises(Refused) as caught:
        log.append([entry(0)])
    assert caught.value.verdict == Code.E_LOG_INCLUSION
    assert files(log.folder) == before


def test_what_is_there_is_not_appended_again(log: LogStore) -> None:
    before = files(log.folder)
    assert log.append([entry(3), entry(0), entry(3)]) == (3, 0, 3)
    assert files(log.folder) == before
    assert log.append([entry(3), entry(50), entry(50), entry(51)]) == (3, 7, 7, 8)


@pytest.mark.parametrize("values", [[b"x" * 31], [b"x" * 33], [entry(0), b""], entries(257)])
def test_an_entry_is_a_digest_and_there_are_not_too_many(
    log: LogStore, values: list[bytes]
) -> None:
    with pytest.raises(ValueError, match="entries of 32 bytes"):
        log.append(values)


def test_creating_again_keeps_what_is_there(log: LogStore) -> None:
    before = files(log.folder)
    log.create()
    assert files(log.folder) == before


def test_no_new_head_is_made_beside_entries_whose_head_is_gone(log: LogStore) -> None:
    (log.folder / "checkpoint").unlink()
    with pytest.raises(Refused) as caught:
        log.create()
    assert caught.value.verdict == Code.E_FORK
    with pytest.raises(Unreadable):
        log.append([entry(99)])


# --- what was edited ------------------------------------------------------------------------


def flip(path: Path, at: int = 5) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("count", [7, 300])
def test_every_edited_byte_of_every_tile_is_found(tmp_path: Path, count: int) -> None:
    log = store_at(tmp_path / "log", count)
    for name in files(log.folder):
        if name == "checkpoint":
            continue
        path = log.folder / name
        data = path.read_bytes()
        for at in {0, 1, 5, len(data) // 2, len(data) - 1}:
            flip(path, at)
            assert codes(log.folder) == {Code.E_LOG_INCLUSION}, (name, at)
            path.write_bytes(data)
        for other in (b"", data[:-1], data + b"x"):
            path.write_bytes(other)
            assert codes(log.folder) == {Code.E_LOG_INCLUSION}, name
            path.write_bytes(data)
    assert codes(log.folder) == set()


def test_a_missing_tile_is_found(log: LogStore) -> None:
    for name in ("tile/0/000.p/7", "tile/entries/000.p/7"):
        path = log.folder / name
        data = path.read_bytes()
        path.unlink()
        assert codes(log.folder) == {Code.E_LOG_INCLUSION}
        path.write_bytes(data)


def test_a_leaf_that_is_edited_everywhere_does_not_fit_the_signed_head(log: LogStore) -> None:
    """As one does who knows the format, and has not the key."""
    _, head = log.head()
    forged = [entry(0), entry(99), *entries(7)[2:]]
    for name, data in naive_files(forged).items():
        (log.folder / name).write_bytes(data)
    assert Code.E_LOG_INCLUSION in codes(log.folder)
    with pytest.raises(Refused) as caught:
        log.append([entry(100)])
    assert caught.value.verdict == Code.E_LOG_INCLUSION
    assert log.head()[1] == head


def test_an_operator_who_signs_an_edited_log_is_found_by_whom_remembers(tmp_path: Path) -> None:
    """A fork: sound by itself, and not what was shown before."""
    log = store_at(tmp_path / "log", 7)
    _, shown = log.head()
    fork = LogStore(tmp_path / "fork", LOG)
    fork.create()
    fork.append([entry(0), entry(99), *entries(9)[2:]])
    _, head = fork.head()
    assert codes(fork.folder) == set()
    assert codes(fork.folder, shown) == {Code.E_FORK}
    assert codes(log.folder, head) == {Code.E_FORK}
    with pytest.raises(Refused) as caught:
        check_extends(fork.folder, shown, head)
    assert caught.value.verdict == Code.E_FORK
    other = Checkpoint("example.org/other", 999, bytes(32))
    assert codes(log.folder, shown, other) == set()


def test_a_rollback_is_found(log: LogStore) -> None:
    checkpoint = log.folder / "checkpoint"
    before = checkpoint.read_bytes()
    log.append([entry(7), entry(8)])
    _, shown = log.head()
    checkpoint.write_bytes(before)  # the head alone was put back
    assert codes(log.folder) == {Code.E_FORK}
    assert codes(log.folder, shown) == {Code.E_FORK}
    with pytest.raises(Refused) as caught:
        log.append([entry(9)])
    assert caught.value.verdict == Code.E_FORK
    for name in ("tile/0/000.p/9", "tile/entries/000.p/9"):
        (log.folder / name).unlink()  # the whole folder was
    assert codes(log.folder) == set()
    assert codes(log.folder, shown) == {Code.E_FORK}


def test_a_rollback_over_a_full_tile_is_found(tmp_path: Path) -> None:
    log = store_at(tmp_path / "log", 250)
    before = (log.folder / "checkpoint").read_bytes()
    log.append(entries(256)[250:])
    (log.folder / "checkpoint").write_bytes(before)
    with pytest.raises(Refused) as caught:
        log.append([entry(999)])
    assert caught.value.verdict == Code.E_FORK
    assert Code.E_FORK in codes(log.folder)


def put_head(log: LogStore, note: Note) -> None:
    (log.folder / "checkpoint").write_bytes(note.to_bytes())


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda log: (log.folder / "checkpoint").write_bytes(b"junk\n"), Code.E_LOG_PARSE),
        (lambda log: (log.folder / "checkpoint").write_bytes(b"x" * 999_999), Code.E_LOG_PARSE),
        (lambda log: put_head(log, head_note(log.head()[0].text, log=OTHER)), Code.E_LOG_SIG),
        (lambda log: put_head(log, Note(log.head()[0].text.replace(b"7", b"8"), log.head()[0].signatures)), Code.E_LOG_SIG),
        (lambda log: put_head(log, head_note(log.head()[0].text.replace(b"example.org/log", b"other"))), Code.E_LOG_ORIGIN),
        (lambda log: (log.folder / "tile" / "stray").write_bytes(b""), Code.E_LOG_INCLUSION),
    ],
)  # fmt: skip
def test_a_spoilt_head_or_a_stray_file_is_found(
    log: LogStore, spoil: Callable[[LogStore], object], code: Code
) -> None:
    spoil(log)
    assert codes(log.folder) == {code}


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"size":7,"entries":"x"}', b'{"size":7,"entries":["zz"]}', b'{"size":"7","entries":[]}'])  # fmt: skip
def test_an_edited_intent_is_refused(log: LogStore, text: bytes) -> None:
    (log.folder / INTENT).write_bytes(text)
    with pytest.raises(Refused) as caught:
        log.append([entry(9)])
    assert caught.value.verdict == Code.E_LOG_PARSE


def test_an_intent_of_another_log_is_refused(log: LogStore) -> None:
    (log.folder / INTENT).write_bytes(b'{"size":3,"entries":["%s"]}' % entry(9).hex().encode())
    with pytest.raises(Refused) as caught:
        log.settle()
    assert caught.value.verdict == Code.E_FORK


def test_a_link_or_a_pipe_in_a_tiles_place_hangs_nobody(log: LogStore) -> None:
    path = log.folder / "tile/entries/000.p/7"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Unreadable):
        inspect(log.folder, KEYS)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(Unreadable):
        list(Tiles(log.folder, 7).entries())


def test_a_folder_that_is_no_log_is_not_read_as_one(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        read_head(tmp_path, KEYS)
    with pytest.raises(Unreadable):
        LogStore(tmp_path / "no" / "such", LOG).create()


def test_entries_of_other_logs_may_have_any_length(tmp_path: Path) -> None:
    values = [b"", b"x" * 65535, b"short"]
    (tmp_path / "tile/entries/000.p").mkdir(parents=True)
    (tmp_path / "tile/entries/000.p/3").write_bytes(bundle(values))
    assert list(Tiles(tmp_path, 3).entries()) == values
