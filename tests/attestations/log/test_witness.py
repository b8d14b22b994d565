"""A witness signs what continues what it saw, and nothing else."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from attestations import Code, Refused, Unreadable
from attestations.log import (
    Checkpoint,
    Kind,
    LogStore,
    Memory,
    Note,
    NoteSigner,
    VerifierKey,
    best,
    cosign,
    leave,
    open_checkpoint,
    prove,
    signed_heads,
)
from tests.attestations.log.making import LOG, SECONDS, W1, W2, entries, entry, files, head_note
from tests.attestations.log.test_store import store_at
from tests.attestations.made import NOW, ed25519_signer


@pytest.fixture
def log(tmp_path: Path) -> LogStore:
    return store_at(tmp_path / "log", 3)


def refusal(of: LogStore, state: Path, log: VerifierKey | None = None) -> Code:
    """The code, and that nothing was remembered."""
    before = state.read_bytes() if state.exists() else b""
    with pytest.raises(Refused) as caught:
        cosign(of.folder, state, W1, now=NOW, log=log)
    assert (state.read_bytes() if state.exists() else b"") == before
    return caught.value.verdict


def test_it_signs_the_first_head_and_every_one_that_continues_it(log: LogStore, tmp_path: Path) -> None:  # fmt: skip
    state = tmp_path / "state"
    made = cosign(log.folder, state, W1, now=NOW, log=LOG.key)
    assert (made.before, made.head.size) == (0, 3)
    for size in (3, 4, 11, 300):
        for first in range(0, size, 200):
            log.append(entries(size)[first : first + 200])
        made = cosign(log.folder, state, W1, now=NOW)
        head, signed = open_checkpoint(made.note, [LOG.key], [W1.key])
        assert (head, [s.at for s in signed]) == (log.head()[1], [int(NOW.timestamp())])
        seen = Memory.load(state).seen(LOG.key.name)
        assert seen is not None
        assert (seen.size, seen.root) == (str(size), "sha256:" + head.root.hex())
    assert state.stat().st_mode & 0o777 == 0o600


def test_a_rollback_and_a_fork_are_not_signed(log: LogStore, tmp_path: Path) -> None:
    state = tmp_path / "state"
    older = log.head()[0]
    log.append(entries(6))
    cosign(log.folder, state, W1, now=NOW, log=LOG.key)
    newest = (log.folder / "checkpoint").read_bytes()
    (log.folder / "checkpoint").write_bytes(older.to_bytes())
    assert refusal(log, state) == Code.E_FORK
    (log.folder / "checkpoint").write_bytes(newest)
    for count in (6, 9):
        fork = LogStore(tmp_path / f"fork{count}", LOG)
        fork.create()
        fork.append([entry(77), *entries(count)[1:]])
        assert refusal(fork, state) == Code.E_FORK
    assert cosign(log.folder, state, W1, now=NOW).before == 6


def test_a_log_that_does_not_show_its_tiles_is_not_signed(log: LogStore, tmp_path: Path) -> None:
    state = tmp_path / "state"
    cosign(log.folder, state, W1, now=NOW, log=LOG.key)
    log.append(entries(6))
    (log.folder / "tile/0/000.p/6").unlink()
    assert refusal(log, state) == Code.E_LOG_INCLUSION


def test_it_signs_only_for_the_key_that_it_was_given(log: LogStore, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert refusal(log, state) == Code.E_LOG_ORIGIN  # the first time, it must be named
    other = NoteSigner(LOG.key.name, Kind.LOG, ed25519_signer(71))
    assert refusal(log, state, log=other.key) == Code.E_LOG_SIG
    assert refusal(log, state, log=W2.key) == Code.E_LOG_ORIGIN  # a witness's, not a log's
    cosign(log.folder, state, W1, now=NOW, log=LOG.key)
    assert refusal(log, state, log=other.key) == Code.E_LOG_ORIGIN  # remembered with another


def test_it_keeps_several_logs_apart(log: LogStore, tmp_path: Path) -> None:
    state = tmp_path / "state"
    second = LogStore(
        tmp_path / "second", NoteSigner("example.org/2", Kind.LOG, ed25519_signer(72))
    )
    second.create()
    cosign(log.folder, state, W1, now=NOW, log=LOG.key)
    cosign(second.folder, state, W1, now=NOW, log=second.key)
    assert refusal(log, state) == Code.E_LOG_ORIGIN  # which one?
    second.append([entry(0)])
    assert cosign(second.folder, state, W1, now=NOW, log=second.key).before == 0
    assert cosign(log.folder, state, W1, now=NOW, log=LOG.key).before == 3


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"junk", b'{"mediaType":"other","logs":[]}'])  # fmt: skip
def test_a_spoilt_state_is_never_taken_for_an_empty_one(log: LogStore, tmp_path: Path, content: bytes) -> None:  # fmt: skip
    state = tmp_path / "state"
    state.write_bytes(content)
    assert refusal(log, state, log=LOG.key) == Code.E_LOG_PARSE


def test_a_state_that_cannot_be_locked_or_written_signs_nothing(log: LogStore, tmp_path: Path) -> None:  # fmt: skip
    with pytest.raises(Unreadable):
        cosign(log.folder, tmp_path / "no" / "state", W1, now=NOW, log=LOG.key)
    with pytest.raises(ValueError, match="witness"):
        cosign(log.folder, tmp_path / "state", LOG, now=NOW, log=LOG.key)


def test_two_at_once_do_not_sign_two_histories(log: LogStore, tmp_path: Path) -> None:
    """The race of the specification: checks and memory are one."""
    state = tmp_path / "state"
    cosign(log.folder, state, W1, now=NOW, log=LOG.key)
    forks = []
    for n in range(6):
        fork = LogStore(tmp_path / f"fork{n}", LOG)
        fork.create()
        fork.append([*entries(3), entry(500 + n)])
        forks.append(fork)
    signed: list[Checkpoint] = []
    refused: list[Code] = []

    def ask(fork: LogStore) -> None:
        try:
            signed.append(cosign(fork.folder, state, W1, now=NOW).head)
        except Refused as error:
            refused.append(error.verdict)

    threads = [threading.Thread(target=ask, args=(fork,)) for fork in forks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(signed), refused) == (1, [Code.E_FORK] * 5)


# --- the operator picks up what witnesses left ------------------------------------------------


def test_the_head_with_the_most_witnesses_is_taken(log: LogStore, tmp_path: Path) -> None:
    keys = [W1.key, W2.key]
    assert best(log.folder, LOG.key, keys, log.head(), 1) == log.head()
    for signer, size in ((W1, 5), (W2, 5), (W1, 8)):
        if log.head()[1].size < size:
            log.append(entries(size))
        state = tmp_path / signer.key.name.replace("/", "-")
        leave(log.folder, cosign(log.folder, state, signer, now=NOW, log=LOG.key), signer.key)
    log.append(entries(9))
    sizes = [best(log.folder, LOG.key, keys, log.head(), n)[1].size for n in (1, 5, 6, 8, 9)]
    assert sizes == [5, 5, 8, 8, 9]
    note, head = best(log.folder, LOG.key, [W1.key], log.head(), 1)
    assert (head.size, len(note.signatures)) == (8, 2)  # lines of others are left behind
    assert {each.size for each in signed_heads(log.folder, LOG.key)} == {5, 8}
    note, head = best(log.folder, LOG.key, keys, log.head(), 1)
    proof = prove(log.folder, entry(2), 2, note)
    assert len(proof.head.verify([LOG.key, *keys])) == 3


def test_what_is_no_head_of_this_log_is_not_taken(log: LogStore) -> None:
    into = log.folder / "cosigned"
    into.mkdir()
    text = log.head()[0].text
    good = head_note(text, [W1])
    forked = head_note(replace(log.head()[1], root=bytes(32)).to_text(), [W1])
    failing = Note(text, (LOG.sign(text), W1.sign(b"x\n", at=SECONDS)))
    unsigned = Note(text, (W1.sign(text, at=SECONDS),))
    for n, data in enumerate([b"", b"junk", forked.to_bytes(), failing.to_bytes(), unsigned.to_bytes()]):  # fmt: skip
        (into / f"a{n}").write_bytes(data)
    (into / "folder").mkdir()
    (into / "link").symlink_to("/dev/zero")
    assert best(log.folder, LOG.key, [W1.key], log.head(), 1) == log.head()
    (into / "z").write_bytes(good.to_bytes())
    assert best(log.folder, LOG.key, [W1.key], log.head(), 1)[0] == good


def test_a_link_in_the_place_of_the_folder_is_not_followed(log: LogStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (log.folder / "cosigned").symlink_to(elsewhere)
    made = cosign(log.folder, tmp_path / "state", W1, now=NOW, log=LOG.key)
    with pytest.raises(Unreadable):
        leave(log.folder, made, W1.key)
    assert files(elsewhere) == {}


def test_a_later_cosignature_of_one_size_takes_the_place_of_the_earlier(log: LogStore, tmp_path: Path) -> None:  # fmt: skip
    state = tmp_path / "state"
    for minutes in (0, 5):
        now = NOW + timedelta(minutes=minutes)
        leave(log.folder, cosign(log.folder, state, W1, now=now, log=LOG.key), W1.key)
    (left,) = (log.folder / "cosigned").iterdir()
    assert len(Note.from_bytes(left.read_bytes()).signatures) == 2
