"""The page by keyboard, by ear, on any screen, in dark and light."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from attestations.acceptance import to_file
from attestations.text import sha256
from tests.attestations import annexes, made, opened, runs, validating
from tests.browser.given import GOOD, TIMED
from tests.browser.page import Page

pytestmark = pytest.mark.needs("chromium")

# The contrast of each text with what lies behind it, by WCAG 2.2; those below 4.5.
PALE = """(() => {
  const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
  const bright = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (it) => {
    for (; it; it = it.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(it).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const it of document.body.querySelectorAll("*:not(script)")) {
    const own = [...it.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (!own || it.closest(".unseen") || !it.checkVisibility()) continue;
    const [a, b] = [rgb(getComputedStyle(it).color), behind(it)].map(bright);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${it.tagName}.${it.className} ${it.textContent}: ${ratio}`);
  }
  return found;
})()"""


def shown(page: Page, folder: Path) -> None:
    """A report with everything in it."""
    of = opened.case(annex=sha256(annexes.ANNEX))
    text = page.give(
        folder,
        disclosure=of.disclosure(3, scopes=(opened.scope_opened("share", "root"),)).to_bytes(),
        annex=annexes.ANNEX,
        validation=to_file(validating.issued(of.bundle)),
        others=runs.SECOND.to_bytes(),
        bundle=of.bundle.to_bytes(),
        policy=validating.policy().to_bytes(),
    )
    assert "The bundle is authentic" in text
    assert "What the operator disclosed" in text


def refused(page: Page, folder: Path) -> None:
    page.give(folder, bundle=GOOD.to_bytes(), policy=made.policy(made.WITNESS).to_bytes())


def good(page: Page, folder: Path) -> None:
    page.give(folder, bundle=GOOD.to_bytes(), policy=TIMED.to_bytes())


def nodes(page: Page) -> list[dict[str, Any]]:
    """The accessibility tree, as a screen reader is given it."""
    found: list[dict[str, Any]] = page.browser.call("Accessibility.getFullAXTree")["nodes"]
    return [each for each in found if not each.get("ignored")]


def named(page: Page, role: str) -> list[str]:
    return [
        str(each.get("name", {}).get("value", ""))
        for each in nodes(page)
        if each.get("role", {}).get("value") == role
    ]


def test_everything_is_reached_by_the_keyboard_in_the_order_it_stands(
    page: Page, tmp_path: Path
) -> None:
    page.open()
    order = [
        "bundle-file",
        "policy-file",
        "others-file",
        "disclosure-file",
        "annex-file",
        "validation-file",
    ]
    assert _tabbed(page, len(order)) == order
    page.open()
    shown(page, tmp_path)
    page.wait("document.activeElement.blur()")
    kinds = ("bundle", "policy", "others", "disclosure", "annex", "validation")
    order = [f"{kind}-{part}" for kind in kinds for part in ("file", "remove")]
    place = order.index("annex-file")
    order[place:place] = ["seed", "sample"]
    assert _tabbed(page, len(order)) == order
    page.press("Enter")  # on the last one: remove the validation
    page.until("document.getElementById('validation-name').textContent === ''")
    assert page.wait("document.activeElement.id") == "validation-file"


def _tabbed(page: Page, times: int) -> list[str]:
    reached = []
    for _ in range(times):
        page.press("Tab")
        reached.append(page.wait("document.activeElement.id"))
    return reached


def test_the_focus_is_seen(page: Page) -> None:
    page.open()
    page.press("Tab")
    assert page.wait("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_every_control_has_a_name_of_its_own(page: Page, tmp_path: Path) -> None:
    page.open()
    shown(page, tmp_path)
    names = [name for role in ("button", "textbox", "spinbutton") for name in named(page, role)]
    assert len(names) == len(set(names)) == 14
    assert all(names)


def test_the_verdict_is_spoken_in_one_line(page: Page, tmp_path: Path) -> None:
    page.open()
    assert page.wait("document.getElementById('spoken').role") == "status"
    refused(page, tmp_path)
    spoken = page.wait("document.getElementById('spoken').textContent")
    assert spoken.startswith("Refused: do not rely on this bundle. authenticity: invalid")
    assert spoken.endswith("E_SIG")
    (tmp_path / "policy.json").write_bytes(TIMED.to_bytes())
    page.choose("policy", tmp_path / "policy.json")
    page.until("document.getElementById('spoken').textContent.includes('outcome: complete')")


@pytest.mark.parametrize("width", [360, 1280])
def test_tables_are_tables_on_every_screen(page: Page, tmp_path: Path, width: int) -> None:
    page.open(width, 800, mobile=width < 500)
    shown(page, tmp_path)
    roles = [each["role"]["value"] for each in nodes(page)]
    assert roles.count("table") == 5
    assert roles.count("columnheader") == 6 + 5 + 5 + 7 + 5
    assert roles.count("row") > 10
    assert "cell" in roles


def test_headings_lead_through_the_report(page: Page, tmp_path: Path) -> None:
    page.open()
    shown(page, tmp_path)
    levels = page.wait("[...document.querySelectorAll('h1,h2,h3')].map((it) => +it.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("what", [shown, refused, good], ids=lambda what: what.__name__)
def test_every_text_stands_out(page: Page, tmp_path: Path, scheme: str, what: Any) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.call("Emulation.setEmulatedMedia", features=features)
    try:
        page.open()
        what(page, tmp_path)
        dark = page.wait("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 27)"
        assert dark == (scheme == "dark")
        assert page.wait(PALE) == []
    finally:
        page.browser.call("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, tmp_path: Path, width: int) -> None:
    page.open(width, 844, mobile=width < 500)
    shown(page, tmp_path)
    assert page.wait("document.documentElement.scrollWidth") <= width
