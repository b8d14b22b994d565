"""Step 9 of the procedure: the log, with the exact code of everything that refuses."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import (
    Bundle,
    Code,
    LogRules,
    LogVerdict,
    Policy,
    PolicyRefused,
    TimeVerdict,
    TrustedLog,
    TrustedWitness,
    Verdict,
    check,
)
from attestations.log import Checkpoint, Kind, LogProof, Note, NoteSigner, Signature
from tests.attestations import made
from tests.attestations.judge import code_of, passed
from tests.attestations.log import naive
from tests.attestations.log.making import (
    LOG,
    ORIGIN,
    SECONDS,
    W1,
    W2,
    head_note,
    logged,
    policy,
    rules,
    with_proof,
)
from tests.attestations.made import NOW, ed25519_signer
from tests.attestations.test_tampering import EDITS, spoil

BARE = made.bundle()
GOOD = logged(BARE)
DATA = GOOD.to_bytes()
POLICY = policy()
RESULT = LogProof.from_text(GOOD.result.log or "")


def spoilt(edit: Any) -> bytes:
    """The bundle with the result's proof edited: the text by a function, or its parts."""
    if callable(edit):
        return with_proof(GOOD, "result", edit(GOOD.result.log))
    return with_proof(GOOD, "result", replace(RESULT, **edit).to_text())


def reheaded(text: bytes, **more: Any) -> bytes:
    return spoilt({"head": head_note(text, [W1, W2], **more)})


def test_a_bundle_that_was_logged_and_witnessed() -> None:
    report = passed(DATA, POLICY)
    assert (report.authentic, report.log) == (Verdict.VALID, LogVerdict.WITNESSED)
    assert f"plan: entry 3 of 7 in the log {ORIGIN}, witnessed by {W1.key.name}, {W2.key.name}" in report.findings  # fmt: skip
    assert report.to_json()["log"] == "witnessed"
    assert Bundle.from_bytes(DATA) == GOOD


def test_a_bundle_without_a_proof_reads_as_before() -> None:
    """The bytes of a bundle without proofs are those of the version before."""
    assert set(json.loads(BARE.to_bytes())["plan"]) == {"envelope", "timestamps"}
    report = passed(BARE.to_bytes())
    assert report.log is LogVerdict.NOT_ASKED
    assert "log: not asked" in report.findings
    assert passed(DATA).log is LogVerdict.NOT_ASKED


@pytest.mark.parametrize("value", [None, 7, [], {}, ["x"]])
def test_a_proof_is_text(value: Any) -> None:
    bundle = json.loads(DATA)
    bundle["plan"]["log"] = value
    assert code_of(json.dumps(bundle).encode()) == Code.E_BUNDLE


def test_a_proof_is_not_too_long() -> None:
    assert code_of(with_proof(GOOD, "plan", "x" * 200_000)) == Code.E_LIMIT


@pytest.mark.parametrize("which", ["plan", "result"])
def test_a_missing_proof_is_missed(which: str) -> None:
    data = replace(GOOD, **{which: getattr(BARE, which)}).to_bytes()
    assert code_of(data, POLICY) == Code.E_LOG_INCLUSION
    assert check(data, POLICY, now=NOW).log is LogVerdict.INVALID


LINES = (GOOD.result.log or "").split("\n")


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: "",
        lambda text: text.replace("@v1", "@v2"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("index 4", "extra eA==\nindex 4"),
        lambda text: text.replace("index 4", "index  4"),
        lambda text: text.replace("index 4", "index 04"),
        lambda text: text.replace("index 4", "index +4"),
        lambda text: text.replace("index 4", "index \uff14"),
        lambda text: text.replace("index 4", "index -4"),
        lambda text: text.replace("index 4", "Index 4"),
        lambda text: text.replace("index 4\n", ""),
        lambda text: text.replace("\n7\n", "\n1_000\n"),
        lambda text: text.replace("\n7\n", "\n\uff17\n"),
        lambda text: text.replace("\n7\n", "\n07\n"),
        lambda text: text.replace(LINES[2], LINES[2][:-2]),
        lambda text: text.replace(LINES[2], LINES[2] + " "),
        lambda text: text.replace(LINES[2], base64.b64encode(bytes(31)).decode()),
        lambda text: text.replace(LINES[2], "\n".join([LINES[2]] * 65)),
        lambda text: text + "\n",
        lambda text: text[:-1],
        lambda text: text.replace("— ", "- "),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.partition("\n\n")[0],
    ],
)
def test_a_text_that_is_no_proof_is_refused(edit: Any) -> None:
    """Also where the policy does not ask for a log."""
    data = spoilt(edit)
    assert data != DATA
    assert code_of(data, POLICY) == Code.E_LOG_PARSE
    assert code_of(data) == Code.E_LOG_PARSE


def test_an_index_beyond_the_tree_proves_nothing() -> None:
    for index in (7, 8, 2**63 - 1):
        assert code_of(spoilt({"index": index}), POLICY) == Code.E_LOG_INCLUSION


def test_no_other_index_is_proved() -> None:
    for index in (0, 1, 2, 3, 5, 6):
        assert code_of(spoilt({"index": index}), POLICY) == Code.E_LOG_INCLUSION


def test_a_hash_too_many_or_too_few_proves_nothing() -> None:
    path = RESULT.path
    for other in (
        (*path, path[0]),
        (path[0], *path),
        path[1:],
        path[:-1],
        (),
        (*path[1:], path[0]),
    ):
        assert code_of(spoilt({"path": other}), POLICY) == Code.E_LOG_INCLUSION


def test_an_interior_node_is_no_leaf() -> None:
    """The log's operator cannot pass a node off for an entry: what is hashed is the envelope."""
    entry = hashlib.sha256(GOOD.result.envelope).digest()
    plan = hashlib.sha256(GOOD.plan.envelope).digest()
    # A tree whose root is the node over both leaves, given as if it were a leaf of a tree of one.
    node = naive.root([naive.leaf(plan), naive.leaf(entry)])
    for root in (node, entry, naive.leaf(naive.leaf(entry)), naive.leaf(b"")):
        head = head_note(Checkpoint(ORIGIN, 1, root).to_text(), [W1, W2])
        data = spoilt({"index": 0, "path": (), "head": head})
        assert code_of(data, POLICY) == Code.E_LOG_INCLUSION


def test_the_proof_of_another_envelope_proves_nothing() -> None:
    assert code_of(with_proof(GOOD, "result", GOOD.plan.log or ""), POLICY) == Code.E_LOG_INCLUSION
    other = logged(made.bundle(plan_of=made.plan(attestation_id="another")))
    assert code_of(with_proof(GOOD, "plan", other.plan.log or ""), POLICY) == Code.E_LOG_INCLUSION


def test_an_unknown_origin_is_refused() -> None:
    stranger = NoteSigner("example.org/other", Kind.LOG, ed25519_signer(50))  # with our log's key
    assert code_of(logged(BARE, log=stranger).to_bytes(), POLICY) == Code.E_LOG_ORIGIN
    text = RESULT.head.text
    for origin in ("example.org/log ", "EXAMPLE.org/log", "example.org/lo"):
        data = reheaded(text.replace(ORIGIN.encode(), origin.encode()))
        assert code_of(data, POLICY) == Code.E_LOG_ORIGIN


def test_a_head_that_no_key_of_the_log_signed_is_refused() -> None:
    impostor = NoteSigner(ORIGIN, Kind.LOG, ed25519_signer(80))
    assert code_of(logged(BARE, log=impostor).to_bytes(), POLICY) == Code.E_LOG_SIG
    text = RESULT.head.text
    only_witnesses = Note(text, tuple(w.sign(text, at=SECONDS) for w in (W1, W2)))
    assert code_of(spoilt({"head": only_witnesses}), POLICY) == Code.E_LOG_SIG


def test_a_failing_known_key_beside_good_ones_refuses() -> None:
    text = RESULT.head.text
    good = [LOG.sign(text), W1.sign(text, at=SECONDS), W2.sign(text, at=SECONDS)]
    wrong = b"another\n1\n" + text.partition(b"\n")[2]
    for bad in (LOG.sign(wrong), W1.sign(wrong, at=SECONDS), W2.sign(wrong, at=SECONDS)):
        for lines in ([bad, *good], [*good, bad]):
            assert code_of(spoilt({"head": Note(text, tuple(lines))}), POLICY) == Code.E_LOG_SIG
    # A stranger's that fails is a stranger's.
    noise = Signature("stranger.example", b"1234", bytes(64))
    assert passed(spoilt({"head": Note(text, (*good, noise))}), POLICY).log is LogVerdict.WITNESSED


def test_a_cosignature_of_the_future_is_refused() -> None:
    soon, later = int(NOW.timestamp()) + 30, int(NOW.timestamp()) + 3600
    assert passed(logged(BARE, at=soon).to_bytes(), POLICY).log is LogVerdict.WITNESSED  # the skew
    assert code_of(logged(BARE, at=later).to_bytes(), POLICY) == Code.E_LOG_SIG


def test_too_few_witnesses_are_no_quorum() -> None:
    for witnesses in ((), (W1,), (W2,), (W1, W1)):
        data = logged(BARE, witnesses=witnesses).to_bytes()
        assert code_of(data, POLICY) == Code.E_LOG_QUORUM
    stranger = NoteSigner("witness.example/3", Kind.WITNESS, ed25519_signer(81))
    assert code_of(logged(BARE, witnesses=(W1, stranger)).to_bytes(), POLICY) == Code.E_LOG_QUORUM
    assert passed(logged(BARE, witnesses=(W1,)).to_bytes(), policy(1)).log is LogVerdict.WITNESSED


def test_a_stripped_cosignature_is_missed_in_either_proof() -> None:
    text = RESULT.head.text
    fewer = replace(RESULT, head=head_note(text, [W1])).to_text()
    assert code_of(with_proof(GOOD, "result", fewer), POLICY) == Code.E_LOG_QUORUM


def test_one_witness_under_two_names_counts_once() -> None:
    """In a note the second name is a stranger's; in a policy it is refused."""
    again = NoteSigner("witness.example/alias", Kind.WITNESS, ed25519_signer(51))
    assert again.key.key == W1.key.key
    assert code_of(logged(BARE, witnesses=(W1, again)).to_bytes(), POLICY) == Code.E_LOG_QUORUM
    assert refused(rules(2, witnesses=(W1, again))) == Code.E_DUP_KEY


def test_the_plan_stands_before_the_result() -> None:
    turned = logged(Bundle(plan=BARE.result, result=BARE.plan))
    data = Bundle(plan=turned.result, result=turned.plan).to_bytes()
    assert code_of(data, POLICY) == Code.E_LOG_INCLUSION


def test_two_histories_of_one_length_are_refused() -> None:
    other = logged(BARE, before=4, after=1)
    assert (
        code_of(with_proof(GOOD, "result", other.result.log or ""), POLICY) == Code.E_LOG_INCLUSION
    )
    later = logged(BARE, after=9)  # the same history, further on
    assert passed(with_proof(GOOD, "result", later.result.log or ""), POLICY).log is LogVerdict.WITNESSED  # fmt: skip


def test_a_log_that_only_the_operator_vouches_for_is_told_apart() -> None:
    report = passed(logged(BARE, witnesses=()).to_bytes(), made.policy(log=rules(0, witnesses=())))
    assert report.log is LogVerdict.LOGGED
    assert any("nobody but the operator" in line for line in report.findings)
    own = tuple(TrustedWitness(w.key.name, str(w.key), operator_run=True) for w in (W1, W2))
    report = passed(DATA, made.policy(log=replace(rules(2), witnesses=own)))
    assert report.log is LogVerdict.LOGGED


def test_two_keys_of_a_log_are_a_rotation() -> None:
    new = NoteSigner(ORIGIN, Kind.LOG, ed25519_signer(82))
    both = TrustedLog(ORIGIN, (str(LOG.key), str(new.key)))
    by = made.policy(log=replace(rules(2), logs=(both,)))
    for signer in (LOG, new):
        assert passed(logged(BARE, log=signer).to_bytes(), by).log is LogVerdict.WITNESSED


# --- the policy -------------------------------------------------------------------------------


def refused(log: LogRules) -> Code:
    with pytest.raises(PolicyRefused) as caught:
        made.policy(log=log)
    return caught.value.verdict


def test_a_policy_that_cannot_be_used_is_refused() -> None:
    assert refused(rules(3)) == Code.E_POLICY  # fewer witnesses than their quorum
    assert refused(rules(0)) == Code.E_POLICY  # witnesses, and none is asked for
    assert refused(replace(rules(2), logs=())) == Code.E_POLICY
    assert refused(replace(rules(2), logs=rules(2).logs * 2)) == Code.E_POLICY
    assert refused(replace(rules(2), witnesses=rules(2).witnesses[:1] * 2)) == Code.E_POLICY
    as_log = NoteSigner("witness.example/1", Kind.LOG, ed25519_signer(51))
    assert refused(rules(2, witnesses=(as_log, W2))) == Code.E_POLICY  # not a witness's key
    as_witness = NoteSigner(ORIGIN, Kind.WITNESS, ed25519_signer(50))
    assert refused(rules(2, log=as_witness)) == Code.E_POLICY  # not a log's
    assert refused(rules(2, witnesses=(W1, as_witness))) == Code.E_DUP_KEY  # the log's own
    operators = NoteSigner("witness.example/9", Kind.WITNESS, made.OPERATOR)
    assert refused(rules(2, witnesses=(W1, operators))) == Code.E_DUP_KEY  # who signed it
    other = str(NoteSigner("witness.example/1", Kind.WITNESS, ed25519_signer(83)).key)
    named_alike = (*rules(2).witnesses, TrustedWitness("another name", other))
    assert refused(replace(rules(2), witnesses=named_alike)) == Code.E_POLICY
    low = "w+00000000+" + base64.b64encode(b"\x04" + bytes(32)).decode()
    weak = (*rules(2).witnesses, TrustedWitness("weak", low))
    assert refused(replace(rules(2), witnesses=weak)) == Code.E_WEAK_KEY
    assert Policy.from_bytes(POLICY.to_bytes()) == POLICY


# --- mutants ----------------------------------------------------------------------------------


@settings(max_examples=400)
@given(EDITS, st.sampled_from(["plan", "result"]))
def test_spoilt_proofs_in_sound_bundles(edits: list[tuple[str, float, int]], which: str) -> None:
    """Refused for the log, or of the same meaning; never a fault."""
    proof = spoil((getattr(GOOD, which).log or "").encode(), edits).decode("utf-8", "replace")
    report = check(with_proof(GOOD, which, proof), POLICY, now=NOW)
    if report.authentic is Verdict.INVALID:
        assert report.codes[0].startswith("E_LOG_")
        assert report.log is LogVerdict.INVALID
    else:
        whole = passed(DATA, POLICY)
        assert (report.log, report.findings) == (whole.log, whole.findings)


@pytest.mark.parametrize("which", ["plan", "result"])
def test_every_line_of_a_proof_is_missed(which: str) -> None:
    """Each line taken out, doubled or exchanged with the next."""
    lines = (getattr(GOOD, which).log or "").split("\n")
    for n in range(len(lines)):
        others = [lines[:n] + lines[n + 1 :], [*lines[: n + 1], *lines[n:]]]
        if n + 1 < len(lines):
            others.append([*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]])
        for other in others:
            report = check(with_proof(GOOD, which, "\n".join(other)), POLICY, now=NOW)
            if other == lines or (sorted(other) == sorted(lines) and n >= len(lines) - 4):
                continue  # signature lines may stand in any order
            doubled = len(other) > len(lines) and lines[n].startswith("— ")
            assert report.authentic is (Verdict.VALID if doubled else Verdict.INVALID), other


def test_what_the_log_says_is_nothing_about_time() -> None:
    assert passed(DATA, POLICY).time is TimeVerdict.INDETERMINATE
