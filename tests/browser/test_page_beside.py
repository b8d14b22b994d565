"""What an auditor gives the page beside bundle and policy, and takes away again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attestations.acceptance import to_file
from attestations.text import sha256
from attestations.validation import Acceptance
from tests.attestations import annexes, made, opened, runs, validating
from tests.browser.given import GOOD, TIMED
from tests.browser.page import Page

pytestmark = pytest.mark.needs("chromium")

BANNER = "document.querySelector('.banner').className"


def test_another_bundle_shows_a_fork(page: Page, tmp_path: Path) -> None:
    page.open()
    fork = runs.run("anew").to_bytes()
    text = page.give(
        tmp_path, others=fork, bundle=runs.FIRST.to_bytes(), policy=runs.BOTH.to_bytes()
    )
    assert "E_FORK" in text
    assert "another bundle" in text
    assert page.wait(BANNER) == "banner bad"


def test_other_bundles_are_gathered_and_removed(page: Page, tmp_path: Path) -> None:
    page.open()
    page.give(tmp_path, bundle=runs.THIRD.to_bytes(), policy=runs.BOTH.to_bytes())
    for number, each in enumerate((runs.FIRST, runs.SECOND)):
        (tmp_path / f"{number}.json").write_bytes(each.to_bytes())
        page.choose("others", tmp_path / f"{number}.json")
        page.until(f"document.body.innerText.includes('against {number + 1} other')")
    assert page.wait("document.getElementById('others-name').textContent") == "0.json, 1.json"
    page.wait("document.getElementById('others-remove').click()")
    page.until("document.body.innerText.includes('chain of attestations: not asked')")
    assert page.wait("document.getElementById('others-remove').hidden")
    assert page.wait("document.activeElement.id") == "others-file"


def test_a_disclosure_is_listed_and_held_against_the_seed(page: Page, tmp_path: Path) -> None:
    page.open()
    of = opened.case()
    shown = of.disclosure(3, scopes=(opened.scope_opened("share", "root"),)).to_bytes()
    assert page.wait("document.getElementById('request').hidden")
    text = page.give(
        tmp_path,
        bundle=of.bundle.to_bytes(),
        policy=made.policy().to_bytes(),
        disclosure=shown,
    )
    assert "the operator chose" in text
    _type(page, "seed", opened.SEED)
    page.until("document.body.innerText.includes('Your seed demands 3')")
    text = page.report()
    for index in (each.index for each in of.disclosure(3).holdings):
        assert f"a/{index}.csv" in text
    _type(page, "sample", "4")
    page.until("document.body.innerText.includes('E_DISCLOSURE')")
    assert "a/" not in page.report()
    _type(page, "sample", "3")
    page.until("document.body.innerText.includes('Your seed demands 3')")
    _type(page, "seed", "another")
    page.until("document.body.innerText.includes('E_DISCLOSURE')")


def test_a_number_that_is_none_is_no_request(page: Page, tmp_path: Path) -> None:
    page.open()
    of = opened.case()
    data = of.disclosure().to_bytes()
    page.give(
        tmp_path, disclosure=data, bundle=of.bundle.to_bytes(), policy=made.policy().to_bytes()
    )
    for wrong in ("0", "1001", "1.5"):
        _type(page, "sample", wrong)
        assert page.wait("document.getElementById('report').innerText") == ""
        assert page.wait("document.getElementById('sample').ariaInvalid") == "true"
        assert not page.wait("document.getElementById('sample-wrong').hidden")
    _type(page, "sample", "2")
    assert "2 of 7 holdings" in page.report()
    assert page.wait("document.getElementById('sample-wrong').hidden")


def _type(page: Page, field: str, text: str) -> None:
    page.wait(
        f"(() => {{ const it = document.getElementById('{field}'); it.value = '{text}';"
        " it.dispatchEvent(new Event('input')); it.dispatchEvent(new Event('change')) })()"
    )


def test_an_annex_names_people(page: Page, tmp_path: Path) -> None:
    page.open()
    of = opened.case(annex=sha256(annexes.ANNEX))
    text = page.give(
        tmp_path,
        bundle=of.bundle.to_bytes(),
        policy=validating.policy().to_bytes(),
        validation=to_file(validating.issued(of.bundle)),
    )
    assert "staff-17" in text
    assert "Ada" not in text
    (tmp_path / "annex.json").write_bytes(annexes.ANNEX)
    page.choose("annex", tmp_path / "annex.json")
    page.until("document.body.innerText.includes('staff-17 (Ada Example)')")
    assert page.report().count("staff-3 (Grace Example)") == 2  # approved, and validated
    (tmp_path / "annex.json").write_bytes(annexes.OTHER)
    page.choose("annex", tmp_path / "annex.json")
    page.until("document.body.innerText.includes('E_DISCLOSURE')")
    assert "Ada" not in page.report()


@pytest.mark.parametrize(
    ("file", "words", "tone"),
    [
        (to_file(validating.issued()), "accepted", "middling"),
        (to_file(validating.issued(decision=Acceptance.REJECTED)), "rejected", "middling"),
        (to_file(validating.issued(signer=made.OPERATOR)), "E_ROLE", "bad"),
        (b"{}", "E_BUNDLE", "bad"),
    ],
    ids=["accepted", "rejected", "the operator's own", "none"],
)
def test_a_validation_is_told(
    page: Page, tmp_path: Path, file: bytes, words: str, tone: str
) -> None:
    """It does not change what is said of the bundle; the page as a whole is as good as both."""
    page.open()
    bundle, policy = validating.OF.to_bytes(), validating.policy().to_bytes()
    text = page.give(tmp_path, validation=file, bundle=bundle, policy=policy)
    assert "The bundle is authentic" in text
    assert words in text
    assert page.wait(BANNER) == f"banner {tone}"


def test_a_validation_in_time_is_green_and_one_that_is_not_is_not(
    page: Page, tmp_path: Path
) -> None:
    from tests.browser.given import FORGE

    policy = replace(validating.policy(), timestamps=TIMED.timestamps).to_bytes()
    alone = validating.issued(GOOD)
    stamped = alone.with_timestamps([FORGE.plain(alone.envelope, made.at(41))])
    for sealed, tone in ((stamped, "good"), (alone, "middling")):
        page.open()
        data = to_file(sealed)
        page.give(tmp_path, validation=data, bundle=GOOD.to_bytes(), policy=policy)
        assert page.wait(BANNER) == f"banner {tone}"


def test_nothing_is_judged_while_a_file_cannot_be_read(page: Page, tmp_path: Path) -> None:
    """A disclosure that is not read must not pass for none."""
    page.open()
    page.give(tmp_path, bundle=GOOD.to_bytes(), policy=TIMED.to_bytes())
    (tmp_path / "gone.json").write_bytes(b"{}")
    page.wait(
        "File.prototype.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) })"
    )
    page.choose("disclosure", tmp_path / "gone.json")
    page.until("document.body.innerText.includes('gone.json cannot be read')")
    assert page.wait("document.getElementById('report').innerText") == ""
    page.wait("document.getElementById('disclosure-remove').click()")
    assert "The bundle is authentic" in page.report()


def test_a_policy_is_taken_only_where_it_is_asked_for(page: Page, tmp_path: Path) -> None:
    page.open()
    text = page.give(
        tmp_path,
        others=TIMED.to_bytes(),
        bundle=GOOD.to_bytes(),
        policy=made.policy(made.WITNESS).to_bytes(),
    )
    assert "E_SIG" in text
