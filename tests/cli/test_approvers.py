"""Four eyes: a plan that other people sign with keys of their own before it is carried out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attestations import Bundle, Envelope, KeyFileSigner, seal
from shredder.journal import Journal
from tests.cli.office import DPO, HEAD, Office
from tests.cli.operating import SURVEY, Done, Operator
from tests.cli.terminal import typed

NOBODY = "http://127.0.0.1:9/"
ALL = ["canteen.csv", "copy.csv", "mixed.csv", "survey.csv"]


@pytest.fixture
def office(tmp_path: Path, desk: Operator) -> Office:
    return Office(tmp_path, desk, [DPO], approvals=1)


@pytest.fixture
def two(tmp_path: Path, desk: Operator) -> Office:
    return Office(tmp_path, desk, [DPO, HEAD], approvals=2)


def untouched(office: Office, done: Done, error: str, code: int = 6) -> None:
    assert (done.code, error in done.error) == (code, True), done.err
    assert office.standing() == ALL
    assert list((office.desk.state / "attestations").iterdir()) == []


def audited(office: Office, bundle: str, *more: str) -> dict[str, Any]:
    policy = office.desk.folder / "policy.json"
    policy.unlink(missing_ok=True)
    keys = [word for each in office.approvers for word in ("--approver", f"{each.name}.pub.pem")]
    own = office.desk.state / "keys" / "signing.pub.pem"
    done = office.desk.run("policy", "new", "policy.json", "--key", own, *keys, *more)
    assert done.code == 0, done.err
    return office.desk.run("verify", bundle, "--policy", "policy.json", "--json").json


def unanswered(office: Office) -> str:
    """Name an authority that does not answer; returns the one that does."""
    url = office.desk.config.read_text().partition('authorities = ["')[2].partition('"')[0]
    office.desk.edit(url, NOBODY)
    return url


# --- The way ------------------------------------------------------------------------------


def test_approved_by_two_the_plan_bears_three_signatures(two: Office) -> None:
    done = two.destroy(*two.approved())
    assert (done.code, done.json["outcome"]) == (0, "complete")
    seen = audited(two, done.json["attestation"])
    assert seen["authentic"] is True
    assert [(s["role"], s["signed"]) for s in seen["signers"]] == [
        ("operator", ["plan", "result"]),
        ("approver", ["plan"]),
        ("approver", ["plan"]),
    ]
    shown = two.desk.run("show", done.json["attestation"], "--json").json
    for statement in (shown["plan"], shown["result"]):
        assert statement["operator"]["reference"] == "unstated"
        assert statement["approvers"] == [
            {"role": DPO[1], "reference": DPO[2]},
            {"role": HEAD[1], "reference": HEAD[2]},
        ]


def test_the_timestamp_is_over_all_signatures(office: Office) -> None:
    """Whoever strips the approver's has another envelope, and no timestamp for it."""
    done = office.destroy(*office.approved())
    bundle = Bundle.load(Path(done.json["attestation"]))
    assert len(bundle.plan.timestamps) == 1
    value = json.loads(bundle.plan.envelope)
    assert len(value["signatures"]) == 2
    assert len(json.loads(bundle.result.envelope)["signatures"]) == 1


def test_a_plan_is_proposed_to_those_who_are_named(tmp_path: Path, desk: Operator) -> None:
    office = Office(tmp_path, desk, [DPO, HEAD], approvals=1)
    office.plan()
    done = office.propose("--approver", "head")
    assert done.json["approvers"] == [{"role": HEAD[1], "reference": HEAD[2]}]
    officer, head = office.approvers
    refused = officer.approve()
    assert (refused.code, refused.error) == (
        6, "the plan does not ask staff-3 (data-protection-officer) to approve it",
    )  # fmt: skip
    assert not officer.approval.exists()
    assert head.approve().code == 0
    assert office.destroy(head.approval).code == 0


def test_approvals_that_nobody_asked_for_are_kept_too(tmp_path: Path, desk: Operator) -> None:
    office = Office(tmp_path, desk, [DPO], approvals=0)
    done = office.destroy(*office.approved())
    assert done.code == 0, done.err
    assert len(audited(office, done.json["attestation"])["signers"]) == 2


def test_a_challenge_is_signed_by_the_approver(office: Office) -> None:
    office.plan()
    assert office.propose("--challenge", "of-today").code == 0
    (officer,) = office.approvers
    assert officer.approve().code == 0
    untouched(
        office, office.destroy(officer.approval, more=["--challenge", "of-today"]),
        "a challenge that approvers sign goes with `shredder propose`", 2,
    )  # fmt: skip
    done = office.destroy(officer.approval)
    shown = office.desk.run("show", done.json["attestation"], "--json").json
    assert shown["result"]["request"]["challenge"] == "of-today"


def test_an_approver_reads_the_plan_and_types_its_name(office: Office) -> None:
    office.plan()
    assert office.propose().code == 0
    (officer,) = office.approvers
    words = ["approve", "proposal.json", "--plan", "plan.jsonl", "--operator", "operator.pem"]
    words += ["--key", "own.pem", "--by-role", DPO[1], "--reference", DPO[2]]
    words += ["--output", "approval.json"]
    for typing, wanted in (("survey\n", 6), (f"{SURVEY}\n", 0)):
        code, screen = typed(officer.place, words, [("Type the dataset's name", typing)])
        assert (code, officer.approval.exists()) == (wanted, wanted == 0)
        assert screen.index("shelf/survey.csv") < screen.index("Type the dataset's name")
        assert "proposed by: unstated (operator)" in screen
    assert officer.approve(yes=False, output="again.json").code == 6


# --- What is refused ----------------------------------------------------------------------


def test_nobody_destroys_alone(office: Office) -> None:
    for words in (["--yes"], []):
        done = office.desk.run("destroy", SURVEY, *words, "--json")
        untouched(office, done, "a plan for survey-2018-05 must be signed by 1 approver first")
    office.plan()
    untouched(office, office.destroy(), "must be signed by 1 approver first")
    assert office.propose().code == 0
    untouched(office, office.destroy(), "must be signed by 1 approver first")


def test_a_dataset_that_comes_to_need_approvals_after_the_plan(
    tmp_path: Path, desk: Operator
) -> None:
    """What was begun without stays where it is: the configuration of today counts."""
    office = Office(tmp_path, desk, [DPO], approvals=0)
    office.plan()
    office.desk.edit('basis = "gdpr-art-17"', 'basis = "gdpr-art-17"\napprovals = 1')
    untouched(office, office.destroy(), "must be signed by 1 approver first")


def test_one_of_two_approvals_is_missing(two: Office) -> None:
    first, second = two.approved()
    wanted = (
        "1 of 2 approvals are there, and nothing was touched: missing staff-9 (head-of-research)"
    )
    untouched(two, two.destroy(first), wanted)
    untouched(two, two.destroy(first, first), wanted)
    assert two.destroy(second, first).code == 0


def test_approving_twice_is_approving_once(office: Office) -> None:
    """ECDSA signs anew each time: two signatures of one key are one approval, and one is kept."""
    (first,) = office.approved()
    (officer,) = office.approvers
    assert officer.approve(output="again.json").code == 0
    again = officer.place.folder / "again.json"
    assert again.read_bytes() != first.read_bytes()
    done = office.destroy(first, again)
    plan = Bundle.load(Path(done.json["attestation"])).plan
    assert len(Envelope.from_bytes(plan.envelope).signatures) == 2


def test_an_approval_of_an_earlier_proposal_or_of_another_plan(office: Office) -> None:
    (first,) = office.approved()
    assert office.propose().code == 0
    untouched(office, office.destroy(first), "approval 1 is of another plan")
    office.plan()
    assert office.propose().code == 0
    untouched(office, office.destroy(first), "approval 1 is of another plan")


def test_what_was_joined_counts_no_more_after_a_new_proposal(office: Office) -> None:
    (first,) = office.approved()
    url = unanswered(office)
    assert office.destroy(first).code == 6
    office.desk.edit(NOBODY, url)
    assert office.propose().code == 0
    untouched(office, office.destroy(), "must be signed by 1 approver first")


def test_an_approval_by_somebody_else(office: Office) -> None:
    (first,) = office.approved()
    stranger = KeyFileSigner.create(office.desk.folder / "stranger.pem")
    payload = Envelope.from_bytes(first.read_bytes()).payload
    forged = office.desk.folder / "forged.json"
    forged.write_bytes(seal(payload, [stranger]).raw)
    untouched(office, office.destroy(forged), "approval 1 is signed by nobody who was asked")
    # Nor does the operator's own signature count for the approver's.
    proposal = office.desk.folder / "proposal.json"
    untouched(office, office.destroy(proposal), "0 of 1 approvals are there")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"x" * (7 << 20)])
def test_an_approval_that_is_none(office: Office, content: bytes) -> None:
    office.approved()
    broken = office.desk.folder / "broken.json"
    broken.write_bytes(content)
    code = 2 if len(content) > 1000 else 6
    untouched(office, office.destroy(broken), "approval", code)
    untouched(office, office.destroy(office.desk.folder / "none.json"), "No such file", 2)


def test_an_approvers_key_is_not_the_operators(office: Office) -> None:
    own = office.desk.state / "keys" / "signing.pub.pem"
    shutil.copy(own, office.desk.folder / "dpo.pub.pem")
    office.plan()
    untouched(office, office.propose(), "is a key of the operator's own: nobody approves alone")


def test_a_key_that_comes_to_be_the_operators_own(office: Office) -> None:
    """Also a key that signed for the operator once, and was rotated out."""
    (first,) = office.approved()
    (officer,) = office.approvers
    kept = office.desk.state / "keys" / "signing-0123456789abcdef.pub.pem"
    kept.write_text(officer.signer.public_key.pem)
    untouched(office, office.destroy(first), "is a key of the operator's own")


def test_two_approvers_with_one_key(two: Office) -> None:
    shutil.copy(two.desk.folder / "dpo.pub.pem", two.desk.folder / "head.pub.pem")
    two.plan()
    untouched(two, two.propose(), "[approvers.head] public_key is another approver's, too")


def test_the_operator_cannot_sign_in_an_approvers_name(office: Office) -> None:
    office.plan()
    assert office.propose().code == 0
    (officer,) = office.approvers
    shutil.copy(office.desk.state / "keys" / "signing.pem", officer.place.folder)
    done = officer.approve(key="signing.pem")
    assert (done.code, done.error) == (9, "proposal: nobody approves with a key that proposed it")
    assert not officer.approval.exists()


def test_an_approver_whose_configuration_is_gone(office: Office) -> None:
    (first,) = office.approved()
    office.desk.edit('reference = "staff-3"', 'reference = "staff-4"')
    wanted = "staff-3 (data-protection-officer) is no approver in the configuration any more"
    untouched(office, office.destroy(first), wanted)


def test_fewer_were_asked_than_are_wanted_now(two: Office) -> None:
    two.plan()
    refused = two.propose("--approver", "dpo")
    assert (refused.code, refused.error) == (
        2, "survey-2018-05 wants 2 approvers, and fewer are named",
    )  # fmt: skip
    two.desk.edit("approvals = 2", "approvals = 1")
    assert two.propose("--approver", "dpo").code == 0
    officer, _ = two.approvers
    assert officer.approve().code == 0
    two.desk.edit("approvals = 1", "approvals = 2")
    wanted = "survey-2018-05 wants 2 approvers, and the proposal asks fewer"
    untouched(two, two.destroy(officer.approval), wanted)


# --- The approver's own eyes --------------------------------------------------------------


def test_a_plan_that_is_not_the_proposed_one(office: Office) -> None:
    told = office.plan()["digest"]
    assert office.propose().code == 0
    (officer,) = office.approvers
    other = officer.approve(digest=f"sha256:{'0' * 64}")
    assert (other.code, other.error) == (6, "the plan file has another digest than you were told")
    path = officer.place.folder / "plan.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"records":25', b'"records":24'))
    changed = officer.approve()
    assert (changed.code, changed.error) == (6, "the plan file is not the one that is proposed")
    office.propose()
    assert officer.approve(digest=told).code == 0


def test_a_proposal_that_the_operator_did_not_sign(office: Office) -> None:
    office.plan()
    assert office.propose().code == 0
    (officer,) = office.approvers
    path = officer.place.folder / "proposal.json"
    payload = Envelope.from_bytes(path.read_bytes()).payload
    path.write_bytes(seal(payload, [KeyFileSigner.create(officer.place.folder / "x.pem")]).raw)
    done = officer.approve()
    assert (done.code, done.error) == (9, "proposal: not signed by a key of the operator's")


def lie(predicate: dict[str, Any]) -> None:
    predicate["targets"][0]["records"] += 1


def hide(predicate: dict[str, Any]) -> None:
    predicate["sweep"]["coverage"][0]["unitsExamined"] -= 1
    predicate["sweep"]["coverage"][0]["unitsTotal"] -= 1


def relabel(predicate: dict[str, Any]) -> None:
    predicate["dataset"]["label"] = "canteen"


@pytest.mark.parametrize(
    ("edit", "what"), [(lie, "targets"), (hide, "sweep"), (relabel, "dataset")]
)
def test_a_proposal_that_says_other_than_the_plan(office: Office, edit: Any, what: str) -> None:
    """An operator who has one thing signed and shows another."""
    office.plan()
    assert office.propose().code == 0
    (officer,) = office.approvers
    path = officer.place.folder / "proposal.json"
    statement = json.loads(Envelope.from_bytes(path.read_bytes()).payload)
    edit(statement["predicate"])
    own = KeyFileSigner.load(office.desk.state / "keys" / "signing.pem")
    path.write_bytes(seal(json.dumps(statement).encode(), [own]).raw)
    done = officer.approve()
    assert (done.code, done.error) == (9, f"proposal: not the plan file's {what}")
    assert not officer.approval.exists()


def test_what_an_approver_gets_names_no_place(office: Office) -> None:
    (first,) = office.approved()
    for path in (first, office.desk.folder / "proposal.json"):
        payload = Envelope.from_bytes(path.read_bytes()).payload
        assert b"survey.csv" not in path.read_bytes() + payload


# --- Broken off ---------------------------------------------------------------------------


def test_nothing_is_lost_where_no_authority_answers(office: Office) -> None:
    """What was approved stays approved: the next attempt needs no new signature."""
    (first,) = office.approved()
    url = unanswered(office)
    untouched(office, office.destroy(first), "the plan could not be timestamped")
    office.desk.edit(NOBODY, url)
    done = office.destroy()
    assert done.code == 0, done.err
    assert audited(office, done.json["attestation"])["authentic"] is True


@pytest.mark.parametrize("name", ["proposal-*.json", "approved.json"])
def test_what_changed_in_the_state_directory(office: Office, name: str) -> None:
    (first,) = office.approved()
    url = unanswered(office)
    assert office.destroy(first).code == 6
    office.desk.edit(NOBODY, url)
    (kept,) = (office.desk.state / "runs").glob(f"*/{name}")
    kept.write_bytes(kept.read_bytes().replace(b'"keyid"', b'"keyie"', 1))
    given = [first] if "proposal" in name else []
    untouched(office, office.destroy(*given), "has changed since")
    kept.unlink()
    untouched(office, office.destroy(*given), "has changed since")


def test_a_file_that_is_there_is_not_replaced(office: Office) -> None:
    office.approved()
    (officer,) = office.approvers
    assert (officer.approve().code, officer.approval.exists()) == (2, True)
    words = ["--plan", "plan.jsonl", "--output", "proposal.json"]
    assert office.desk.run("propose", SURVEY, *words).code == 2


def test_two_at_once(office: Office) -> None:
    from shredder.state import State

    (first,) = office.approved()
    with State.open(office.desk.state).locked():
        untouched(office, office.destroy(first), "another run holds the state directory")
        done = office.propose()
        assert (done.code, done.error) == (6, "another run holds the state directory")


def test_a_proposal_of_a_plan_that_was_carried_out(office: Office) -> None:
    assert office.destroy(*office.approved()).code == 0
    done = office.propose()
    assert done.code == 6
    assert "was carried out or given up" in done.error


def test_the_journal_knows_when_it_was_proposed(office: Office) -> None:
    assert office.destroy(*office.approved()).code == 0
    with Journal(office.desk.state / "journal.sqlite") as journal:
        facts = journal.runs()[-1].facts
    assert facts["planned"] <= facts["proposed"] <= facts["approved"] <= facts["announced"]
