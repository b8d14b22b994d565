"""Step 7, renewed: what upholds a timestamp after its authority fell, and what is no renewal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import (
    Bundle,
    Code,
    Policy,
    Report,
    Sealed,
    TimestampRules,
    TimeVerdict,
    Verdict,
    trusted_key,
    verify,
)
from attestations.bundle import MAX_RENEWALS
from attestations.policy import Strangers
from attestations.renewal import covered, told_end
from tests.attestations import made
from tests.attestations.forge import BEGIN, END, Forge, certify
from tests.attestations.judge import code_of
from tests.attestations.renewals import (
    AFTER,
    EXTRA,
    FIRST,
    HOSTILE,
    LAST,
    LATER,
    RENEWED,
    SECOND,
    STAMPED,
    THIRD,
    TODAY,
    TWICE,
    policy,
    with_result,
)
from tests.attestations.renewing import both_renewed, covering, renewed


def judged(bundle: Bundle, by: Policy | None = None, now: datetime = TODAY) -> Report:
    return verify(bundle.to_bytes(), by or policy(), now=now)


def refused(bundle: Bundle, by: Policy | None = None, now: datetime = TODAY) -> Code:
    return code_of(bundle.to_bytes(), by or policy(), now=now)


# --- Good ones -------------------------------------------------------------------------------


@pytest.mark.parametrize("bundle", [RENEWED, TWICE], ids=["once", "twice"])
def test_a_renewal_leaves_the_time_that_was_proven(bundle: Bundle) -> None:
    report = judged(bundle)
    assert (report.authentic, report.time) == (Verdict.VALID, TimeVerdict.VALID)
    assert report.no_later_than == judged(STAMPED).no_later_than
    assert report.plan_before_start


def test_it_is_told_when_the_newest_layer_ends() -> None:
    assert judged(STAMPED).renew_before == END
    assert judged(RENEWED).renew_before == END + timedelta(days=2000)
    assert judged(TWICE).renew_before == END + timedelta(days=5000)
    half = with_result(RENEWED.result, STAMPED)
    assert judged(half).renew_before == END
    assert judged(half).to_json()["renewBefore"] == "2027-01-01T00:00:00Z"
    assert judged(made.bundle()).renew_before is None


def test_a_shorter_root_ends_it_earlier() -> None:
    root = certify("Short root", end=AFTER)
    short = Forge(root=root, leaf=certify("TSA", root, end=TODAY))
    rules = TimestampRules(threshold=1, authorities=(short.trusted(),))
    report = verify(
        made.bundle(stamp=short.plain).to_bytes(), made.policy(timestamps=rules), now=TODAY
    )
    assert report.renew_before == AFTER


@pytest.mark.parametrize("bundle", [STAMPED, RENEWED, TWICE], ids=["never", "once", "twice"])
def test_the_operator_is_told_the_same_end_from_the_tokens_alone(bundle: Bundle) -> None:
    assert told_end(bundle.result) == judged(bundle).renew_before


def test_a_token_that_shows_no_certificate_tells_no_end() -> None:
    bare = FIRST.stamp(b"", LATER, embed=())
    for token in (bare, b"nonsense"):
        assert told_end(Sealed(b"", (token,))) is None
    assert told_end(Sealed(b"", (bare, FIRST.plain(b"", LATER)))) == END
    assert FIRST.leaf is not None
    above = Forge(root=certify("Ends first", end=LATER), leaf=None)
    assert above.leaf is not None
    whole = above.stamp(b"", BEGIN, embed=(above.leaf.der, above.root.der, FIRST.leaf.der))
    assert told_end(Sealed(b"", (whole,))) == LATER


# --- A compromise ----------------------------------------------------------------------------


def test_without_a_renewal_a_compromised_authority_proves_nothing() -> None:
    """Even what it said before: whoever has the key can date back."""
    for lost in (BEGIN, made.at(31), AFTER, TODAY + timedelta(days=1)):
        report = judged(STAMPED, policy(first=lost))
        assert (report.time, report.codes) == (TimeVerdict.INDETERMINATE, (Code.E_TS_THRESHOLD,))
        assert report.no_later_than is None
        assert not report.plan_before_start
        assert any("not counted" in line for line in report.findings)
        assert refused(STAMPED, policy(first=lost, required=True)) == Code.E_TS_THRESHOLD


def test_a_renewal_before_the_compromise_upholds_what_it_renewed() -> None:
    report = judged(RENEWED, policy(first=AFTER, required=True))
    assert report.time is TimeVerdict.VALID
    assert report.no_later_than == made.at(30) + timedelta(seconds=1)
    assert any("first is compromised since 2027-01-31" in line for line in report.findings)


@pytest.mark.parametrize(
    ("lost", "counts"),
    [
        (LATER, False),
        (LATER + timedelta(seconds=1), False),  # within the renewal's accuracy
        (LATER + timedelta(seconds=2), True),
        (made.at(30), False),
    ],
)
def test_a_renewal_after_the_compromise_upholds_nothing(lost: datetime, counts: bool) -> None:
    report = judged(RENEWED, policy(first=lost))
    assert report.time is (TimeVerdict.VALID if counts else TimeVerdict.INDETERMINATE)


def test_a_renewal_by_the_same_authority_upholds_nothing() -> None:
    own = both_renewed(STAMPED, FIRST, LATER)
    assert judged(own).time is TimeVerdict.VALID
    assert judged(own, policy(first=AFTER)).time is TimeVerdict.INDETERMINATE


def test_a_compromised_renewal_stands_by_the_next() -> None:
    fallen = {"first": AFTER, "second": LAST + timedelta(days=1)}
    assert judged(RENEWED, policy(**fallen)).time is TimeVerdict.INDETERMINATE
    assert judged(TWICE, policy(**fallen)).time is TimeVerdict.VALID
    too_early = {**fallen, "second": LAST - timedelta(days=1)}
    assert judged(TWICE, policy(**too_early)).time is TimeVerdict.INDETERMINATE
    # The third saw the first's token itself: the second's fall does not matter then.
    late = {"first": LAST + timedelta(days=1), "second": AFTER}
    assert judged(TWICE, policy(**late)).time is TimeVerdict.VALID
    assert judged(TWICE, policy(**fallen, third=TODAY)).time is TimeVerdict.INDETERMINATE


def test_plan_and_result_stand_each_by_its_own_renewal() -> None:
    half = with_result(RENEWED.result, STAMPED)
    report = judged(half, policy(first=AFTER))
    assert (report.time, report.codes) == (TimeVerdict.INDETERMINATE, (Code.E_TS_THRESHOLD,))
    assert report.no_later_than is not None


def test_what_only_the_operators_authority_upholds_is_the_operators_word() -> None:
    def by(operator_run: bool, lost: datetime | None) -> Policy:
        authorities = (
            FIRST.trusted(name="first", compromised_at=lost),
            SECOND.trusted(name="own", operator_run=operator_run),
            THIRD.trusted(name="third"),
        )
        return made.policy(timestamps=TimestampRules(threshold=1, authorities=authorities))

    assert judged(RENEWED, by(True, None)).time is TimeVerdict.VALID
    report = judged(RENEWED, by(True, AFTER))
    assert report.time is TimeVerdict.INDETERMINATE
    assert any("operator's own word" in line for line in report.findings)
    assert judged(RENEWED, by(False, AFTER)).time is TimeVerdict.VALID
    assert judged(TWICE, by(True, LAST + timedelta(days=1))).time is TimeVerdict.VALID
    assert judged(TWICE, by(True, AFTER)).time is TimeVerdict.INDETERMINATE


def test_no_second_entry_hides_a_compromise() -> None:
    sound = FIRST.trusted(name="sound")
    lost = FIRST.trusted(name="lost", pin="policy", compromised_at=AFTER)
    for authorities in ((sound, lost), (lost, sound)):
        rules = TimestampRules(threshold=1, authorities=authorities)
        report = judged(STAMPED, made.policy(timestamps=rules))
        assert report.time is TimeVerdict.INDETERMINATE


def test_a_threshold_counts_what_stands() -> None:
    def two(sealed: Sealed, when: datetime) -> Sealed:
        tokens = [FIRST.plain(sealed.envelope, when), SECOND.plain(sealed.envelope, when)]
        return replace(sealed, timestamps=tuple(tokens))

    both = Bundle(two(STAMPED.plan, made.at(5)), two(STAMPED.result, made.at(30)))
    assert judged(both, policy(threshold=2)).time is TimeVerdict.VALID
    assert judged(both, policy(first=AFTER)).time is TimeVerdict.VALID
    assert refused(both, policy(first=AFTER, threshold=2, required=True)) == Code.E_TS_THRESHOLD
    again = both_renewed(both, THIRD, LATER)
    assert judged(again, policy(first=AFTER, threshold=2, required=True)).time is TimeVerdict.VALID


def test_a_lost_key_is_judged_by_the_time_that_is_upheld() -> None:
    entry = replace(trusted_key(made.OPERATOR.public_key, name="k"), compromised_at=LATER)
    by = replace(policy(first=AFTER), keys=(entry,))
    assert judged(RENEWED, by).authentic is Verdict.VALID
    assert refused(STAMPED, by) == Code.E_KEY_COMPROMISED


# --- Hostile ones ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("lost", [None, AFTER], ids=["all sound", "the first lost"])
def test_a_bad_renewal_is_refused_with_its_code(name: str, lost: datetime | None) -> None:
    """Whether or not anything depends on it."""
    make, code = HOSTILE[name]
    assert refused(make(), policy(first=lost)) == code


def test_as_many_renewals_as_are_allowed_and_one_more() -> None:
    sealed = STAMPED.result
    for n in range(MAX_RENEWALS):
        sealed = renewed(sealed, SECOND, LATER + timedelta(days=n))
    assert judged(with_result(sealed), policy()).time is TimeVerdict.VALID
    more = renewed(sealed, SECOND, LATER + timedelta(days=20))
    assert refused(with_result(more)) == Code.E_LIMIT
    long = replace(RENEWED.result, renewals=(bytes(65_537),))
    assert refused(with_result(long)) == Code.E_LIMIT


def test_clocks_may_differ_by_their_accuracy() -> None:
    near = LATER - timedelta(seconds=2)
    both = renewed(renewed(STAMPED.result, SECOND, LATER), THIRD, near)
    assert judged(with_result(both)).time is TimeVerdict.VALID
    apart = renewed(renewed(STAMPED.result, SECOND, LATER), THIRD, near - timedelta(seconds=1))
    assert refused(with_result(apart)) == Code.E_TS_WINDOW


def test_a_renewal_at_the_very_end_of_the_certificate_is_in_time() -> None:
    assert judged(with_result(renewed(STAMPED.result, SECOND, END))).time is TimeVerdict.VALID
    late = renewed(STAMPED.result, SECOND, END + timedelta(seconds=1))
    assert refused(with_result(late)) == Code.E_TS_WINDOW


def test_an_unknown_authoritys_renewal_upholds_nothing_where_it_is_ignored() -> None:
    """And neither counts nor harms what known ones made before and after it."""
    ignoring = {"unknown_authorities": Strangers.IGNORE}
    strange = both_renewed(STAMPED, Forge(), LATER)
    report = judged(strange, policy(**ignoring))
    assert (report.time, report.renew_before) == (TimeVerdict.VALID, END)
    assert judged(strange, policy(first=AFTER, **ignoring)).time is TimeVerdict.INDETERMINATE
    more = both_renewed(strange, SECOND, LATER)
    assert judged(more, policy(first=AFTER, **ignoring)).time is TimeVerdict.VALID


def test_where_the_policy_names_no_authority_renewals_prove_nothing() -> None:
    report = judged(RENEWED, made.policy())
    assert (report.time, report.no_later_than) == (TimeVerdict.INDETERMINATE, None)


# --- What is covered -------------------------------------------------------------------------

PARTS = st.lists(st.binary(max_size=12) | st.sampled_from([b" timestamp 1 x", b" renewal 0 "]), max_size=3)  # fmt: skip
SEALED = st.builds(
    lambda envelope, timestamps, renewals: Sealed(
        envelope, tuple(timestamps), renewals=tuple(renewals)
    ),
    st.binary(max_size=12) | st.sampled_from([b"x timestamp 1 x", b" renewal 0 "]),
    PARTS,
    PARTS,
)


@given(SEALED)
def test_what_is_covered_is_what_the_specification_says(sealed: Sealed) -> None:
    assert covered(sealed) == covering(sealed.envelope, sealed.timestamps, sealed.renewals)
    for n in range(len(sealed.renewals)):
        assert covered(sealed, n) == covering(
            sealed.envelope, sealed.timestamps, sealed.renewals[:n]
        )


@given(SEALED, SEALED)
def test_no_two_sealed_envelopes_are_covered_alike(one: Sealed, other: Sealed) -> None:
    assert (covered(one) == covered(other)) is (one == other)


def test_a_log_proof_is_not_covered() -> None:
    assert covered(STAMPED.result.with_log("x")) == covered(STAMPED.result)


def test_nothing_is_added_below_a_renewal() -> None:
    with pytest.raises(ValueError, match="renewed"):
        RENEWED.result.with_timestamps([EXTRA])
    same = RENEWED.result.with_timestamps(RENEWED.result.timestamps)
    assert same == RENEWED.result


@pytest.mark.parametrize("bundle", [RENEWED, TWICE])
def test_a_bundle_reads_as_it_was_written(bundle: Bundle) -> None:
    assert Bundle.from_bytes(bundle.to_bytes()) == bundle
