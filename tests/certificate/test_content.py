"""What a certificate says is what was verified; and what was not, it is not made of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from attestations import (
    Destruction,
    Finding,
    Method,
    Obstacle,
    Outcome,
    Status,
    TimeVerdict,
    Told,
    UnitStatus,
    Verdict,
)
from attestations.text import sha256
from backends.contract import Technique
from shredder.certificate import Checked, compose, to_html, words
from shredder.certificate.content import Kind, Table, name
from shredder.errors import InvalidAttestation
from tests.certificate.facts import codes, expected, numbers
from tests.certificate.made import RUNS, certificate, checked, mixed
from tests.certificate.page import Page
from tests.structure.docs import DOCS, codes_in


@pytest.mark.parametrize("of", RUNS)
def test_every_number_and_name_of_the_statement_is_on_the_page(of: Callable[[], Checked]) -> None:
    run = of()
    text = Page(to_html(compose(run))).text
    wanted = expected(run.bundle)
    assert len(wanted) > 20
    words_of_page = set(re.findall(r"[\d,]*\d", text))
    missing = {
        each
        for each in wanted
        if (each not in words_of_page if re.fullmatch(r"[\d,]+", each) else each not in text)
    }
    assert missing == set()


def test_the_digests_are_of_the_exact_bytes() -> None:
    run = checked()
    text = Page(to_html(compose(run))).text
    assert sha256(run.bundle) in text
    assert sha256(run.policy) in text
    assert run.report.signers[0].keyid in text


def test_a_good_run_says_so_in_the_largest_words() -> None:
    banner = certificate().banner
    assert (banner.good, banner.words) == (True, ("Outcome: complete", "Time: proven"))


def test_a_run_without_timestamps_is_never_good() -> None:
    banner = certificate(checked(stamped=False)).banner
    assert (banner.good, banner.words) == (False, ("Time not proven", "Outcome: complete"))


def test_an_authority_of_the_operators_own_proves_no_time() -> None:
    run = checked()
    report = replace(run.report, time=TimeVerdict.INDETERMINATE)
    banner = compose(replace(run, report=report)).banner
    assert (banner.good, banner.words[0]) == (False, "Time not proven")


def test_an_incomplete_run_says_what_is_in_the_way() -> None:
    run = mixed()
    content = compose(run)
    assert content.banner.words == ("Not complete: partial", "Time: proven")
    said = "\n".join("".join(part.text for part in line) for line in content.banner.sentences)
    assert run.report.obstacles
    for obstacle in run.report.obstacles:
        assert words.OBSTACLES[obstacle] in said


def test_a_run_that_was_not_looked_at_afterwards_says_so() -> None:
    text = Page(to_html(certificate(checked(changes={"sweep": None})))).text
    assert "Afterwards: nobody looked" in text
    assert "Outcome: complete" not in text
    assert "no second examination" in text


def test_what_was_not_listed_afterwards_is_told() -> None:
    text = Page(to_html(certificate(mixed()))).text
    assert "Not listed afterwards: 1 scope" in text
    assert "Not listed afterwards" not in Page(to_html(certificate())).text


def test_a_bundle_that_does_not_verify_is_not_rendered() -> None:
    run = checked()
    spoilt = replace(run.report, authentic=Verdict.INVALID, codes=("E_SIG",))
    with pytest.raises(InvalidAttestation, match="E_SIG"):
        compose(replace(run, report=spoilt))


def test_every_word_of_a_statement_is_explained() -> None:
    for table, kind in (
        (words.OUTCOMES, Outcome),
        (words.STATUSES, Status),
        (words.METHODS, Method),
        (words.FINDINGS, Finding),
        (words.COVERED, UnitStatus),
        (words.TOLD, Told),
        (words.OBSTACLES, Obstacle),
        (words.TECHNIQUES, Technique),
    ):
        assert set(table) == {str(each) for each in kind}


def test_every_code_of_the_documents_has_its_meaning() -> None:
    explained = codes_in(DOCS / "codes.md") + [
        code for code in codes_in(DOCS / "limits.md") if "-" in code
    ]
    assert len(explained) > 100
    assert [code for code in explained if not words.meaning(code)] == []


def test_a_meaning_reads_as_a_sentence() -> None:
    meaning = words.meaning("s3-replication-unknown")
    assert meaning == "Whether the bucket is replicated could not be read."
    assert words.meaning("unheard-of-code") == ""


def test_an_unknown_code_is_shown_as_it_is() -> None:
    text = Page(to_html(certificate(mixed()))).text
    assert "unheard-of-code no explanation here: the code stands for itself" in text


def test_a_text_is_safe_by_construction() -> None:
    assert name("a\x1b[31m\u202eb\x00\n").text == "a\\x1b[31m\\u202eb\\x00\\n"
    assert name("\U000e0041\ufeff").text.isascii()


def test_a_row_has_a_cell_for_each_column() -> None:
    (table, *_) = [
        block
        for section in certificate().sections
        for block in section.blocks
        if isinstance(block, Table)
    ]
    with pytest.raises(ValueError, match="cells for"):
        replace(table, columns=table.columns[1:])


def test_names_are_kept_apart_from_the_words_around_them() -> None:
    run = mixed()
    result = run.report.result
    assert isinstance(result, Destruction)
    glance = compose(run).sections[0].blocks[0]
    parts = [part for _, cell in glance.rows for part in cell]  # type: ignore[union-attr]
    names = {part.text for part in parts if part.kind is Kind.NAME}
    assert {result.controller.name, result.dataset.title, "share", "vault"} <= names


def test_a_forged_number_is_missed() -> None:
    """The comparison above can fail."""
    run = checked()
    page = Page(to_html(compose(run))).text
    other = expected(mixed().bundle)
    assert [each for each in other if each not in page] != []


def test_the_collector_sees() -> None:
    value = json.loads('{"a": [1, {"code": "x-y", "count": 2}], "limitations": ["z"], "b": true}')
    assert (numbers(value), codes(value)) == ({1, 2}, {"x-y", "z"})
