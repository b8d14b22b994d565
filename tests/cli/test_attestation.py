"""What is done with a bundle: timestamps that come later, damage, policies, and showing it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from demo.servers.tsa import TimestampAuthority
from tests.cli.operating import SURVEY, Done, HereOperator, Operator

NOWHERE = "http://127.0.0.1:9/"  # discard: nobody listens


@pytest.fixture
def desk(desk: Operator) -> Operator:
    return HereOperator(desk.folder, desk.environment)


class Auditor:
    """A folder with a policy, and nothing else of the operator's than a bundle."""

    def __init__(self, folder: Path, desk: Operator, authority: TimestampAuthority) -> None:
        self.place = HereOperator(folder)
        folder.mkdir()
        shutil.copy(desk.state / "keys" / "signing.pub.pem", folder / "operator.pem")
        (folder / "root.pem").write_text(authority.root_pem)
        (folder / "tsa.pem").write_text(authority.leaf_pem)
        done = self.new_policy("policy.json", "--dataset", SURVEY, "--store", "shelf")
        assert done.code == 0, done.err

    def new_policy(self, name: str, *more: str) -> Done:
        return self.place.run(
            "policy", "new", name, "--key", "operator.pem", "--tsa-root", "root.pem",
            "--tsa-certificate", "tsa.pem", "--json", *more,
        )  # fmt: skip

    def verify(self, bundle: str | Path, policy: str = "policy.json") -> Done:
        return self.place.run("verify", bundle, "--policy", policy, "--json")


@pytest.fixture
def auditor(tmp_path: Path, desk: Operator, authority: TimestampAuthority) -> Auditor:
    return Auditor(tmp_path / "audit", desk, authority)


def destroyed(desk: Operator, *words: str) -> dict[str, Any]:
    done = desk.run("destroy", SURVEY, "--yes", "--json", *words)
    assert done.code == 0, done.err
    return done.json


def test_an_auditor_needs_the_bundle_and_a_policy(desk: Operator, auditor: Auditor) -> None:
    """The installed command, in another folder, with no configuration and no driver's variable."""
    bundle = auditor.place.folder / "bundle.json"
    shutil.copy(destroyed(desk)["attestation"], bundle)
    shutil.rmtree(desk.folder)
    done = Operator(auditor.place.folder).run("verify", "bundle.json", "--policy", "policy.json")
    assert (done.code, done.err) == (0, "")
    assert {"authentic: yes", "time: valid", "outcome: complete"} <= set(done.out.splitlines())


# --- Timestamps ---------------------------------------------------------------------------


def test_no_authority_answers(desk: Operator, authority: TimestampAuthority) -> None:
    desk.edit(authority.url, NOWHERE)
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (6, "refused")
    assert done.error.startswith("the plan could not be timestamped, so nothing was touched: ")
    assert "--timestamp-later" in done.hint
    assert len(list((desk.folder / "shelf").iterdir())) == 4
    # The advice can be followed at once.
    assert destroyed(desk, "--timestamp-later")["time"] == "indeterminate"


def test_no_authority_is_configured(desk: Operator, authority: TimestampAuthority) -> None:
    desk.edit(f'"{authority.url}"', "")
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (6, "refused")


def test_an_approved_plan_outlives_a_silent_authority(
    desk: Operator, authority: TimestampAuthority
) -> None:
    assert desk.run("plan", SURVEY, "--output", "plan.jsonl").code == 0
    desk.edit(authority.url, NOWHERE)
    assert desk.run("destroy", SURVEY, "--plan", "plan.jsonl").code == 6
    desk.edit(NOWHERE, authority.url)
    assert desk.run("destroy", SURVEY, "--plan", "plan.jsonl").code == 0


def test_timestamps_that_come_later(
    desk: Operator, auditor: Auditor, authority: TimestampAuthority
) -> None:
    desk.edit(authority.url, NOWHERE)
    bundle = destroyed(desk, "--timestamp-later")["attestation"]
    before = auditor.verify(bundle)
    assert (before.code, before.json["authentic"], before.json["time"], before.json["outcome"]) == (
        8, True, "indeterminate", "complete",
    )  # fmt: skip
    silent = desk.run("timestamp", bundle, "--json")
    assert silent.code == 8
    assert auditor.verify(bundle).json == before.json  # nothing was written

    desk.edit(NOWHERE, authority.url)
    added = desk.run("timestamp", bundle, "--json")
    assert (added.code, added.json["added"]) == (0, 2)
    after = auditor.verify(bundle)
    assert (after.code, after.json["time"], after.json["outcome"]) == (0, "valid", "complete")
    assert desk.run("timestamp", bundle, "--json").json["added"] == 0


def test_as_many_tokens_as_are_wanted(
    desk: Operator, auditor: Auditor, authority: TimestampAuthority, tmp_path: Path
) -> None:
    """One of two authorities is down: what the other gave is kept, and the rest comes later."""
    folder = tmp_path / "second"
    folder.mkdir()
    with TimestampAuthority(folder, name="Second TSA") as second:
        desk.edit(f'["{authority.url}"]', f'["{NOWHERE}", "{authority.url}"]\nwanted = 2')
        refused = desk.run("destroy", SURVEY, "--yes")
        assert (refused.code, "nothing was touched" in refused.error) == (6, True)
        bundle = Path(destroyed(desk, "--timestamp-later")["attestation"])
        assert auditor.verify(bundle).json["time"] == "valid"  # this policy asks for one
        assert tokens(bundle) == [1, 1]
        assert desk.run("timestamp", bundle).code == 8
        assert tokens(bundle) == [1, 1]
        desk.edit(NOWHERE, second.url)
        assert desk.run("timestamp", bundle, "--json").json["added"] == 2
        assert tokens(bundle) == [2, 2]
        assert desk.run("timestamp", bundle, "--json").json["added"] == 0


def tokens(bundle: Path) -> list[int]:
    value = json.loads(bundle.read_bytes())
    return [len(value[part]["timestamps"]) for part in ("plan", "result")]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("wanted = 2", "more than there are authorities"),
        ("wanted = 0", "must be 1 to 16"),
        ('policy_oids = { "http://127.0.0.1:1/" = "1.2.3" }', "no authority's"),
        ('policy_oids = { "http://127.0.0.1:1/" = "one" }', "dotted form"),
    ],
)
def test_timestamps_that_cannot_be_had_are_refused_at_once(
    desk: Operator, authority: TimestampAuthority, lines: str, what: str
) -> None:
    desk.edit(f'["{authority.url}"]', f'["{authority.url}"]\n{lines}')
    done = desk.run("status")
    assert (done.code, what in done.error) == (2, True), done.err


# --- Damage -------------------------------------------------------------------------------


def test_a_bundle_cut_in_half(desk: Operator, auditor: Auditor) -> None:
    bundle = Path(destroyed(desk)["attestation"])
    content = bundle.read_bytes()
    for kept in (len(content) // 2, 1, 0):
        bundle.write_bytes(content[:kept])
        done = auditor.verify(bundle)
        assert (done.code, done.json["codes"]) == (9, ["E_JSON"]), kept
        assert (done.json["authentic"], done.json["outcome"]) == (False, None)
        for command in ("show", "timestamp"):
            assert desk.run(command, bundle, "--json").code == 9, command


def test_no_single_byte_of_a_bundle_gives_it_another_meaning(
    desk: Operator, auditor: Auditor
) -> None:
    """Ten bytes of a token are signed by nobody and read by nobody: test_every_leaf has them."""
    bundle = Path(destroyed(desk)["attestation"])
    content = bundle.read_bytes()
    sound = auditor.verify(bundle)
    tokens = content.index(b'"timestamps"')
    refused = 0
    for at in range(7, len(content), len(content) // 60):
        bundle.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        done = auditor.verify(bundle)
        if done.code == 9:
            assert done.json["authentic"] is False
            refused += 1
        else:
            assert (done.code, done.json, at > tokens) == (sound.code, sound.json, True), at
    assert refused > 55


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [("nowhere", 2, "No such file or directory"), (".", 2, "Is a directory")],
)
def test_a_bundle_that_is_no_file(auditor: Auditor, name: str, code: int, why: str) -> None:
    done = auditor.verify(name)
    assert (done.code, done.error) == (code, f"bundle: cannot be read: {why}")


# --- Policies -----------------------------------------------------------------------------


def test_a_policy_of_another_key(desk: Operator, auditor: Auditor, tmp_path: Path) -> None:
    other = HereOperator(tmp_path / "other")
    other.folder.mkdir()
    assert other.run("init").code == 0
    shutil.copy(other.state / "keys" / "signing.pub.pem", auditor.place.folder / "operator.pem")
    assert auditor.new_policy("other.json").code == 0
    done = auditor.verify(destroyed(desk)["attestation"], "other.json")
    assert (done.code, done.json["codes"], done.json["signers"]) == (9, ["E_SIG"], [])


def test_a_policy_that_asks_for_more(desk: Operator, auditor: Auditor) -> None:
    assert auditor.new_policy("stores.json", "--store", "warehouse").code == 0
    assert auditor.new_policy("dataset.json", "--dataset", "canteen").code == 0
    assert auditor.new_policy("challenge.json", "--challenge", "of-today").code == 0
    bundle = destroyed(desk)["attestation"]
    codes = {
        name: auditor.verify(bundle, f"{name}.json").json["codes"]
        for name in ("stores", "dataset", "challenge")
    }
    assert codes == {"stores": ["E_POLICY"], "dataset": ["E_SUBJECT"], "challenge": ["E_CHALLENGE"]}


def test_a_challenge_is_answered(desk: Operator, auditor: Auditor) -> None:
    assert auditor.new_policy("challenge.json", "--challenge", "of-today").code == 0
    bundle = destroyed(desk, "--challenge", "of-today")["attestation"]
    assert auditor.verify(bundle, "challenge.json").code == 0


def test_policies_that_cannot_be_made(auditor: Auditor) -> None:
    again = auditor.new_policy("policy.json")
    assert (again.code, again.error) == (
        2, "policy.json exists already; a policy is not replaced unasked",
    )  # fmt: skip
    half = auditor.place.run(
        "policy", "new", "x", "--key", "operator.pem", "--tsa-root", "root.pem"
    )
    assert (half.code, half.error) == (
        2, "a timestamp authority needs both: --tsa-root and --tsa-certificate",
    )  # fmt: skip
    none = auditor.place.run("policy", "new", "x", "--key", "nowhere.pem")
    assert (none.code, none.error) == (2, "nowhere.pem cannot be read: No such file or directory")
    keyless = auditor.place.run("policy", "new", "x")
    assert (keyless.code, keyless.error) == (2, "Missing option '--key'.")
    wrong = auditor.place.run("policy", "new", "x", "--key", "policy.json")
    assert wrong.code == 2


def test_a_policy_that_is_none(desk: Operator, auditor: Auditor) -> None:
    bundle = destroyed(desk)["attestation"]
    (auditor.place.folder / "bad.json").write_text("{}")
    assert auditor.verify(bundle, "bad.json").code == 2
    done = auditor.place.run("verify", bundle, "--json")
    assert (done.code, done.error) == (2, "Missing option '--policy'.")


# --- Showing ------------------------------------------------------------------------------


def test_show_says_first_that_nobody_has_checked(desk: Operator, auditor: Auditor) -> None:
    bundle = destroyed(desk)["attestation"]
    plain = auditor.place.run("show", bundle)
    assert plain.code == 0
    assert plain.out.splitlines()[0].startswith("NOT VERIFIED: nobody has checked who claims this")
    checked = auditor.place.run("show", bundle, "--policy", "policy.json")
    assert checked.code == 0
    assert checked.out.splitlines()[0] == "verified: signed by operator; time: valid"
    as_json = auditor.place.run("show", bundle, "--json").json
    assert as_json["verified"] is False
    assert as_json["result"]["outcome"] == "complete"


def test_show_shows_nothing_of_a_forgery(desk: Operator, auditor: Auditor) -> None:
    bundle = Path(destroyed(desk)["attestation"])
    bundle.write_bytes(bundle.read_bytes().replace(b'"timestamps":["MII', b'"timestamps":["MIJ', 1))
    done = auditor.place.run("show", bundle, "--policy", "policy.json")
    assert done.code == 9
    assert done.out.startswith("NOT AUTHENTIC: E_TS_PARSE; nothing of it is shown")
    assert "Example Ltd" not in done.out
