"""The page in an auditor's hands: files in, one verdict out, nothing sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attestations import Controller
from tests.attestations import made
from tests.browser.given import GOOD, KINDS, TIMED
from tests.browser.page import FILE, Page
from tests.certificate.made import final

pytestmark = pytest.mark.needs("chromium")


def given(page: Page, folder: Path, bundle: bytes, policy: bytes) -> str:
    """Choose both files, and return the report."""
    page.open()
    return page.give(folder, bundle=bundle, policy=policy)


def test_a_good_bundle_is_told_in_an_auditors_order(page: Page, tmp_path: Path) -> None:
    text = given(page, tmp_path, GOOD.to_bytes(), TIMED.to_bytes())
    order = [
        "The bundle is authentic",
        "Example Research Ltd attests the destruction of survey-2018-05: complete",
        "Who, and what",
        "What remains",
        "What was done",
        "Where was looked afterwards",
        "When",
        "Who signed",
        "What was judged",
        "What this does not show",
    ]
    places = [text.find(each) for each in order]
    assert sorted(places) == places
    assert -1 not in places
    assert GOOD.result.digest in text


def test_what_had_been_pending_is_told_with_the_conditions_of_each_keys_end(
    page: Page, tmp_path: Path
) -> None:
    run = final()
    text = given(page, tmp_path, run.bundle, run.policy)
    told = text[text.index("What was done") : text.index("Where was looked afterwards")]
    assert "What the replaced attestation left pending" in told
    for each in ("1303 key", "absent (kms-keys)", "unknown", "yes", "137 and 251"):
        assert each in told
    assert "3 of 3 destroyed, 0 scheduled" in told


@pytest.mark.parametrize("name", ["partial", "pending", "no-timestamps"])
def test_a_lesser_verdict_is_not_green(page: Page, tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    given(page, tmp_path, kind.bundle.to_bytes(), kind.policy.to_bytes())
    assert page.wait("document.querySelector('.banner').className") == "banner middling"


def test_a_refused_bundle_shows_its_code_and_none_of_its_claims(page: Page, tmp_path: Path) -> None:
    text = given(page, tmp_path, made.bundle().to_bytes(), made.policy(made.WITNESS).to_bytes())
    assert "Refused" in text
    assert "E_SIG" in text
    assert "Example Research" not in text
    assert page.wait("document.querySelector('.banner').className") == "banner bad"


def test_a_bundles_text_is_never_markup(page: Page, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>\u202e\x1b[2J"
    plan = made.plan(controller=Controller(name=name))
    text = given(page, tmp_path, made.bundle(plan_of=plan).to_bytes(), made.policy().to_bytes())
    assert r"<img src=x onerror=alert(1)>\u202e\x1b[2J attests" in text
    assert page.wait("document.images.length") == 0


def test_another_file_takes_the_old_verdict_away(page: Page, tmp_path: Path) -> None:
    given(page, tmp_path, GOOD.to_bytes(), TIMED.to_bytes())
    (tmp_path / "other.json").write_bytes(b"{}")
    page.choose("bundle", tmp_path / "other.json")
    page.until("document.body.innerText.includes('E_BUNDLE')")
    text = page.report()
    assert "authentic" not in text.replace("authenticity", "")


def test_files_may_be_dropped(page: Page) -> None:
    page.open()
    page.wait(
        """(async () => {
          for (const which of ["bundle", "policy"]) {
            const data = new DataTransfer();
            data.items.add(new File(["{}"], which + ".json"));
            const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.getElementById(which + "-zone").dispatchEvent(drop);
          }
        })()"""
    )
    assert "E_BUNDLE" in page.report()


def test_nothing_is_asked_of_anybody_and_nothing_is_complained_of(
    page: Page, tmp_path: Path
) -> None:
    given(page, tmp_path, GOOD.to_bytes(), TIMED.to_bytes())
    asked = [each for each in page.browser.requests() if not each.startswith("data:")]
    assert [FILE.as_uri()] == asked
    assert page.browser.complaints() == []


def test_the_page_may_not_speak_to_anybody(page: Page) -> None:
    """The content security policy refuses what a fault in the script would try."""
    page.open()
    assert (
        page.wait("fetch('data:text/plain,x').then(() => 'allowed', () => 'refused')") == "refused"
    )
    made_inline = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    page.wait(made_inline)
    assert page.wait("typeof window.ran") == "undefined"


def test_the_policy_of_the_page_allows_nothing_by_default() -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', FILE.read_text("utf-8"))
    assert found is not None
    rules = dict(rule.split(" ", 1) for rule in found[1].split("; "))
    assert {"'none'"} == {
        rules[name] for name in ("default-src", "connect-src", "form-action", "base-uri")
    }
    assert rules["script-src"].startswith("'sha256-")
    assert "unsafe" not in found[1]
