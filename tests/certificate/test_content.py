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
from shredder.certificate import Checked, compose, nist, to_html, words
from shredder.certificate.content import Cell, Kind, Table, name
from shredder.errors import InvalidAttestation
from tests.attestations import made
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


FORM = {
    "Person performing sanitization": ["name", "title", "organization", "location", "phone", "date"],
    "Media information": [
        "make", "vendor", "model number", "serial number", "property number", "media type",
        "source", "classification", "data backed up", "backup location",
    ],
    "Sanitization details": [
        "clear, purge or destroy", "method used", "method details", "tool used, with version",
        "verification method", "classification afterwards", "notes",
    ],
    "Media destination": ["reuse", "recycling", "manufacturer", "other"],
    "Signature": ["signature", "date"],
    "Validation": [
        "name", "title", "organization", "location", "phone", "signature", "date",
    ],
}  # fmt: skip


def nist_fields(run: Checked) -> dict[str, dict[str, str]]:
    """The table of NIST's form: group, field, answer."""
    (section,) = [each for each in compose(run).sections if each.title == nist.TITLE]
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    said = {
        said_of(group.title): {said_of(field): said_of(answer) for field, answer in group.rows}
        for group in table.groups
    }
    assert all(answer for fields in said.values() for answer in fields.values())
    return said


def said_of(cell: Cell) -> str:
    return "".join(" " if part.kind is Kind.BREAK else part.text for part in cell)


@pytest.mark.parametrize("of", RUNS)
def test_no_field_of_nists_form_is_passed_over(of: Callable[[], Checked]) -> None:
    said = nist_fields(of())
    assert list(said) == list(FORM)
    for group, fields in FORM.items():
        rows = " / ".join(said[group]).lower()
        assert [field for field in fields if field not in rows] == []


def test_a_field_is_filled_from_the_statement_or_says_why_it_is_not() -> None:
    run = mixed()
    said = nist_fields(run)
    titles = {section.title for section in compose(run).sections}
    assert {"Stores and coverage", "What was done", "What remains", "Verification"} <= titles
    person, media = said["Person performing sanitization"], said["Media information"]
    assert person["Name"].startswith("Not stated: ")
    assert "staff-17" in person["Name"]
    assert media["Serial number, property number"].startswith("Does not apply: ")
    assert media["Source"] == "Stores: share, vault"
    assert media["Data backed up, backup location"].startswith("Unknown: ")
    details = said["Sanitization details"]
    assert details["Method type: clear, purge or destroy"] == "clear: 34 holdings"
    assert details["Method used"] == "overwrite"
    assert "in 1 of 4 groups" in details["Verification method"]
    named = replace(run.report, names={"staff-17": "Ada Example"})
    assert nist_fields(replace(run, report=named))["Person performing sanitization"]["Name"] == (
        "Ada Example"
    )


def test_a_logical_delete_is_no_method_of_nists() -> None:
    targets = (made.target(method=Method.LOGICAL_DELETE, holdings=3, records=120),)
    said = nist_fields(checked(changes={"targets": targets}))["Sanitization details"]
    method = said["Method type: clear, purge or destroy"]
    assert method == "None is claimed: 3 holdings by logical-delete"


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
    right = "the right is s3:GetReplicationConfiguration"
    assert meaning == f"Whether the bucket is replicated could not be read; {right}."
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
