"""The page: it loads nothing, runs nothing, and shows hostile labels as what they are."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attestations import Controller
from shredder.certificate import Checked, to_html
from tests.attestations import made
from tests.certificate.made import RUNS, certificate, checked, mixed
from tests.certificate.page import Page
from tests.support.browser import Browser

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[2J\x1b[31mred",
    "\u202egnp.exe\u2066",
    "</style><link rel=stylesheet href=//evil.example/x.css>",
    "&lt;b&gt; &amp; 'quoted'",
    "line\nbreak\u2028and\x00nul",
)
LOADING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href", "style"}


def hostile(label: str) -> bytes:
    plan = made.plan(
        controller=Controller(label, label),
        dataset=replace(made.plan().dataset, title=label),
        sweep=replace(
            made.plan().sweep,
            coverage=(made.scope(label, "root", identity=label, scope_label=label, as_of=label),),
        ),
        targets=(made.planned(store=label),),
    )
    return to_html(certificate(checked(plan, {"targets": (made.target(store=label),)})))


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_is_text(label: str) -> None:
    page = Page(hostile(label))
    tame = Page(hostile("tame"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in tame.elements]
    assert [set(a) for _, a in page.elements] == [set(a) for _, a in tame.elements]
    printable = page.text.replace("\n", "")
    assert printable.isprintable()
    if label.isprintable():
        assert page.text.count(" ".join(label.split())) >= 5


@pytest.mark.parametrize("of", RUNS)
def test_the_page_loads_and_runs_nothing(of: Callable[[], Checked]) -> None:
    source = to_html(certificate(of()))
    page = Page(source)
    assert page.named("script") == []
    for tag, attributes in page.elements:
        assert LOADING & set(attributes) == set(), tag
        assert [name for name in attributes if name.startswith("on")] == [], tag
    assert re.findall(rb"url\(|@import|https?:(?!//www\.w3\.org/2000/svg)", source) == []


def test_the_page_forbids_all_but_its_own_style() -> None:
    source = to_html(certificate()).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [
        meta["content"]
        for meta in Page(source.encode()).named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_the_page_is_built_for_all_readers() -> None:
    page = Page(to_html(certificate(mixed())))
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == 1
    tables = len(page.named("table"))
    assert tables == len(page.named("caption")) > 4
    assert {cell.get("scope") for cell in page.named("th")} == {"col", "row", "rowgroup"}
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.named("svg"))
    labels = [section.get("aria-labelledby") for section in page.named("section")]
    ids = {heading["id"] for heading in page.named("h2")}
    assert {label for label in labels if label} == ids


# --- In a real browser -------------------------------------------------------------------


@pytest.mark.needs("chromium")
@pytest.mark.slow
@pytest.mark.parametrize("of", ["good", "mixed", "long"])
def test_a_browser_shows_it_whole_and_asks_nobody(tmp_path: Path, of: str) -> None:
    """At a desk, on a phone and at the width of A4: nothing overflows, nothing is requested."""
    long = "w" * 200
    made_of = {"good": checked, "mixed": mixed}
    source = hostile(long) if of == "long" else to_html(certificate(made_of[of]()))
    file = tmp_path / "certificate.html"
    file.write_bytes(source)
    with Browser(tmp_path / "profile") as browser:
        for width, height in ((1280, 900), (794, 1123), (390, 844)):
            browser.open(file.as_uri(), width, height, mobile=width < 500)
            assert browser.requests() == [file.as_uri()]
            assert browser.complaints() == []
            across = browser.evaluate("document.documentElement.scrollWidth")
            assert across <= width == browser.evaluate("innerWidth")
            sizes = "[...document.querySelectorAll('body *')].map(e => [e.className, parseFloat(getComputedStyle(e).fontSize)])"
            largest = max(size for _, size in browser.evaluate(sizes))
            banner = browser.evaluate("getComputedStyle(document.querySelector('.words')).fontSize")
            assert banner == f"{largest:g}px", "the outcome is the largest on the page"


@pytest.mark.needs("chromium")
def test_the_browser_would_tell(tmp_path: Path) -> None:
    """A page that loads, complains and overflows is seen to do so."""
    file = tmp_path / "bad.html"
    file.write_text(
        "<!DOCTYPE html><meta name=viewport content='width=device-width'>"
        "<div style='width:3000px'>x</div><img src='missing.png'><script>nobody()</script>"
    )
    with Browser(tmp_path / "profile") as browser:
        browser.open(file.as_uri(), 1280, 900)
        assert (tmp_path / "missing.png").as_uri() in browser.requests()
        assert any("nobody" in said for said in browser.complaints())
        assert browser.evaluate("document.documentElement.scrollWidth") >= 3000
