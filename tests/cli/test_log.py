"""The log at work: an operator, two independent witnesses, and an auditor who trusts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.operating import SURVEY, Done, HereOperator, Operator

ORIGIN = "example.org/shredder-log"


@pytest.fixture
def desk(desk: Operator) -> Operator:
    operator = HereOperator(desk.folder, desk.environment)
    operator.add(f'\n[log]\norigin = "{ORIGIN}"\nfolder = "log"\n')
    return operator


class Witness:
    """Somebody else's folder with a key and a memory."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.place = HereOperator(folder)
        self.name = name

    def cosign(self, log: Path, *more: str) -> Done:
        return self.place.run(
            "log", "witness", log, "--state", self.place.folder / "state.json",
            "--key", self.place.folder / "key.pem", "--name", self.name, "--json", *more,
        )  # fmt: skip


@pytest.fixture
def witnesses(tmp_path: Path) -> list[Witness]:
    return [Witness(tmp_path / f"witness{n}", f"witness.example/{n}") for n in (1, 2)]


def ok(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    return done.json


def destroyed(desk: Operator) -> Path:
    return Path(ok(desk.run("destroy", SURVEY, "--yes", "--json"))["attestation"])


def shown(desk: Operator) -> dict[str, Any]:
    return ok(desk.run("log", "show", "--json"))


def digests(bundle: Path) -> list[str]:
    from attestations import Bundle

    loaded = Bundle.load(bundle)
    return [each.digest.removeprefix("sha256:") for each in (loaded.plan, loaded.result)]


def policy(desk: Operator, to: Path, *more: str) -> Path:
    to.unlink(missing_ok=True)
    key = desk.state / "keys" / "signing.pub.pem"
    ok(desk.run("policy", "new", to, "--key", key, "--json", *more))
    return to


def verified(desk: Operator, bundle: Path, by: Path) -> dict[str, Any]:
    return desk.run("verify", bundle, "--policy", by, "--json").json


def test_a_run_is_logged_witnessed_and_verified(
    desk: Operator, witnesses: list[Witness], tmp_path: Path
) -> None:
    bundle = destroyed(desk)
    log = shown(desk)
    assert (log["origin"], log["entries"]) == (ORIGIN, digests(bundle))
    alone = policy(desk, tmp_path / "alone.json", "--log", log["key"])
    assert verified(desk, bundle, alone)["log"] == "logged"

    keys = []
    for witness in witnesses:
        said = ok(witness.cosign(desk.folder / "log", "--log", log["key"]))
        assert (said["size"], said["size_before"]) == (2, 0)
        keys.append(said["witness_key"])
    strict = policy(
        desk, tmp_path / "strict.json", "--log", log["key"], "--witness", keys[0], "--witness", keys[1]
    )  # fmt: skip
    assert verified(desk, bundle, strict)["codes"] == ["E_LOG_QUORUM"]

    desk.edit('folder = "log"\n', f'folder = "log"\nwitnesses = {json.dumps(keys)}\n')
    proved = ok(desk.run("log", "prove", bundle, "--json"))
    assert (proved["indexes"], proved["cosignatures"]) == ([0, 1], 2)
    report = verified(desk, bundle, strict)
    assert (report["authentic"], report["log"], report["outcome"]) == (
        True,
        "witnessed",
        "complete",
    )
    assert digests(bundle) == log["entries"]
    assert ok(desk.run("log", "check", "--json"))["faults"] == []
    text = desk.run("verify", bundle, "--policy", strict).out
    assert "log: witnessed" in text


def test_the_plan_is_logged_before_anything_is_touched(desk: Operator) -> None:
    """And a log that cannot be written stops the run while all is there."""
    (desk.folder / "log").write_text("in the way")
    before = sorted(p.read_bytes() for p in (desk.folder / "shelf").iterdir())
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, "nothing was touched" in done.error) == (6, True)
    assert sorted(p.read_bytes() for p in (desk.folder / "shelf").iterdir()) == before
    (desk.folder / "log").unlink()
    destroyed(desk)
    assert shown(desk)["size"] == 2


def test_without_a_log_nothing_is_logged(desk: Operator) -> None:
    desk.edit(f'\n[log]\norigin = "{ORIGIN}"\nfolder = "log"\n', "")
    bundle = destroyed(desk)
    assert "log" not in json.loads(bundle.read_bytes())["plan"]
    assert not (desk.folder / "log").exists()
    assert not (desk.state / "log").exists()
    for words in (["show"], ["check"], ["prove", bundle]):
        assert desk.run("log", *words).code == 2


def test_a_bundle_that_was_made_before_the_log_is_logged_later(desk: Operator) -> None:
    table = f'\n[log]\norigin = "{ORIGIN}"\nfolder = "log"\n'
    desk.edit(table, "")
    bundle = destroyed(desk)
    desk.add(table)
    assert ok(desk.run("log", "prove", bundle, "--json"))["indexes"] == [0, 1]
    assert shown(desk)["entries"] == digests(bundle)


def test_only_our_own_bundles_are_logged(desk: Operator, tmp_path: Path) -> None:
    from tests.attestations import made

    stranger = tmp_path / "stranger.json"
    stranger.write_bytes(made.bundle(signers=[made.ed25519_signer(77)]).to_bytes())
    assert desk.run("log", "prove", stranger).code == 9
    assert shown(desk)["size"] == 0


@pytest.mark.parametrize("what", ["leaf", "tile", "head", "fork", "whole"])
def test_what_was_done_to_the_log_is_found(desk: Operator, witnesses: list[Witness], what: str) -> None:  # fmt: skip
    log = desk.folder / "log"
    shown(desk)
    shutil.copytree(log, desk.folder / "empty")
    bundle = destroyed(desk)
    key = shown(desk)["key"]
    ok(witnesses[0].cosign(log, "--log", key))
    assert desk.run("log", "check").code == 0
    if what == "leaf":
        _flip(log / "tile/entries/000.p/2")
    elif what == "tile":
        _flip(log / "tile/0/000.p/2")
    elif what == "head":
        shutil.copy(desk.folder / "empty" / "checkpoint", log / "checkpoint")
    else:
        shutil.rmtree(log)
        shutil.copytree(desk.folder / "empty", log)
        if what == "fork":
            from attestations.log import Kind, LogStore, NoteSigner
            from attestations.signers import KeyFileSigner

            signer = KeyFileSigner.load(desk.state / "keys" / "log.pem")
            LogStore(log, NoteSigner(ORIGIN, Kind.LOG, signer)).append([bytes(32), bytes([1]) * 32])
    done = desk.run("log", "check", "--json")
    assert done.code == 9
    codes = {fault["code"] for fault in done.json["faults"]}
    wanted = {"leaf": {"E_LOG_INCLUSION", "E_FORK"}, "tile": {"E_LOG_INCLUSION"}}
    assert codes == wanted.get(what, {"E_FORK"})
    stranger = witnesses[1].place.run("log", "check", log, "--log", key, "--bundle", bundle)
    assert stranger.code == 9
    if what != "leaf":  # a witness looks at hashes, not at entries
        answer = witnesses[0].cosign(log)
        assert answer.code == (9 if what != "tile" else 0)  # of the same size: nothing is read
    before = (log / "checkpoint").read_bytes()
    assert desk.run("log", "prove", bundle).code == 9
    assert (log / "checkpoint").read_bytes() == before


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[9] ^= 1
    path.write_bytes(data)


def test_a_witness_without_the_logs_key_signs_nothing(desk: Operator, witnesses: list[Witness]) -> None:  # fmt: skip
    shown(desk)
    done = witnesses[0].cosign(desk.folder / "log")
    assert (done.code, "which log" in done.error) == (9, True)
    assert not (witnesses[0].place.folder / "state.json").exists()
    assert not (desk.folder / "log" / "cosigned").exists()


def test_a_witness_may_leave_its_head_elsewhere(desk: Operator, witnesses: list[Witness], tmp_path: Path) -> None:  # fmt: skip
    """As where it reads a copy of the log, and sends the file back."""
    key = shown(desk)["key"]
    copy = tmp_path / "copy"
    shutil.copytree(desk.folder / "log", copy)
    out = tmp_path / "head"
    ok(witnesses[0].cosign(copy, "--log", key, "--output", str(out)))
    assert out.read_text().count("\u2014 ") == 2
    assert not (copy / "cosigned").exists()


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("[log]\n", "log.origin"),
        ('[log]\norigin = "two words"\n', "log.origin"),
        ('[log]\norigin = "a+b"\n', "log.origin"),
        ('[log]\norigin = ""\n', "log.origin"),
        ('[log]\norigin = "o"\nfolder = ""\n', "log.folder"),
        ('[log]\norigin = "o"\nwitnesses = "w"\n', "log.witnesses"),
        ('[log]\norigin = "o"\nother = 1\n', "log.other"),
        ('[log]\norigin = "o"\nwitnesses = ["w"]\n', ""),
    ],
)
def test_a_log_that_is_configured_wrongly_stops_a_run_before_it_begins(
    desk: Operator, table: str, why: str
) -> None:
    desk.edit(f'[log]\norigin = "{ORIGIN}"\nfolder = "log"\n', table)
    before = sorted(p.name for p in (desk.folder / "shelf").iterdir())
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, why in done.error) == (2, True), done.err
    assert sorted(p.name for p in (desk.folder / "shelf").iterdir()) == before


def test_a_log_in_a_folder_needs_its_key(desk: Operator) -> None:
    key = shown(desk)["key"]
    attempts: list[Callable[[], Done]] = [
        lambda: desk.run("log", "show", desk.folder / "log"),
        lambda: desk.run("log", "check", desk.folder / "log"),
        lambda: desk.run("log", "show", "--log", key),
        lambda: desk.run("log", "show", desk.folder / "log", "--log", "junk"),
        lambda: desk.run("log", "check", "--bundle", "x"),
    ]
    assert [attempt().code for attempt in attempts] == [2] * 5
    assert desk.run("log", "show", desk.folder / "log", "--log", key).code == 0
    assert desk.run("log", "show", desk.folder, "--log", key).code == 8


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", [1, 2], ids=["plan", "result"])
def test_a_run_killed_round_the_log_is_resumed_and_logged(
    desk: Operator, tmp_path: Path, call: int, after: bool
) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            _die_at(call, after=after)
            desk.run("destroy", SURVEY, "--yes", "--json")
        finally:
            os._exit(3)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    resumed = ok(desk.run("resume", "--yes", "--json"))
    assert resumed["exit_code"] == 0
    (bundle,) = (desk.state / "attestations").glob("*.json")
    log = shown(desk)
    # A plan that was logged and not announced leaves an entry alone; a result is never made anew.
    assert log["entries"][-2:] == digests(bundle)
    assert log["size"] == (3 if call == 1 and after else 2)
    by = policy(desk, tmp_path / "policy.json", "--log", log["key"])
    assert verified(desk, bundle, by)["log"] == "logged"
    assert ok(desk.run("log", "check", "--json"))["faults"] == []


def _die_at(call: int, *, after: bool) -> None:
    """End this process by SIGKILL before or after its call number `call` of append."""
    from attestations.log import LogStore

    real, calls = LogStore.append, iter(range(1, 9))

    def append(self: LogStore, entries: Sequence[bytes]) -> tuple[int, ...]:
        fatal = next(calls) == call
        if fatal and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        places = real(self, entries)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return places

    LogStore.append = append  # type: ignore[method-assign]


def test_a_log_that_fails_after_the_destruction_does_not_keep_the_attestation_back(
    desk: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from attestations import Unreadable

    def full(*_: object) -> None:
        raise Unreadable("the log cannot be written: No space left on device")

    desk.run("log", "show")  # loads what is patched
    with monkeypatch.context() as patch:
        # The package's `attest` is the function; its module is found by its name.
        patch.setattr(sys.modules["shredder.evidence.attest"], "log_bundle", full)
        bundle = destroyed(desk)
    log = shown(desk)
    assert log["entries"] == digests(bundle)[:1]
    by = policy(desk, tmp_path / "policy.json", "--log", log["key"])
    assert verified(desk, bundle, by)["codes"] == ["E_LOG_INCLUSION"]
    ok(desk.run("log", "prove", bundle, "--json"))
    assert verified(desk, bundle, by)["log"] == "logged"


def test_a_log_key_with_a_passphrase_asks_for_it_by_name(desk: Operator) -> None:
    secret = {"SHREDDER_PASSPHRASE": "a long one"}
    assert desk.run("log", "show", environment=secret).code == 0
    done = desk.run("log", "show")
    assert (done.code, "SHREDDER_PASSPHRASE" in done.hint) == (2, True)
