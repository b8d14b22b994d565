"""The configuration's reader: any text is a configuration or a usage error, and nothing else."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shredder.config import Config, KeysConfig, load
from shredder.config.lines import line_of
from shredder.errors import UsageError

WHOLE = """\
controller = "Example Ltd"
state = "state"

[operator]
role = "privacy-office"
reference = "po-3"

[stores.share]
backend = "files"
roots = ["share"]

[datasets.survey]
title = "A survey"
basis = "gdpr-art-17"
reference = "case 1"
sources = [{ store = "share", path = "share/a.csv" }]
locations = [{ store = "share", pattern = "share/*" }]

[datasets.survey.columns]
Token = "private"
email = "person"

[datasets.survey.hold]
reason = "litigation"
until = 2027-01-31

[recipients.agency]
datasets = ["survey"]
told = 2018-06-01
answered = 2018-06-08

[timestamp]
authorities = ["http://tsa.example/"]
timeout_s = 5
"""
_LINES = WHOLE.splitlines(keepends=True)


def read(folder: Path, text: str) -> Config:
    path = folder / "shredder.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return load(path)


def read_or_refused(folder: Path, text: str) -> Config | None:
    try:
        return read(folder, text)
    except UsageError:
        return None


def test_every_value_arrives(tmp_path: Path) -> None:
    config = read(tmp_path, WHOLE)
    assert (config.controller, config.state) == ("Example Ltd", tmp_path / "state")
    assert (config.operator.role, config.operator.reference) == ("privacy-office", "po-3")
    share = config.stores["share"]
    assert (share.backend, share.settings, share.line) == ("files", {"roots": ["share"]}, 8)
    survey = config.datasets["survey"]
    assert (survey.title, survey.basis, survey.reference) == ("A survey", "gdpr-art-17", "case 1")
    assert [(s.store, s.path, s.table) for s in survey.sources] == [("share", "share/a.csv", "")]
    assert [(where.store, where.pattern) for where in survey.locations] == [("share", "share/*")]
    assert survey.columns == {"token": "private", "email": "person"}
    assert survey.hold is not None
    assert survey.hold.until == dt.date(2027, 1, 31)
    (agency,) = config.recipients
    assert (agency.datasets, agency.answered) == (("survey",), dt.date(2018, 6, 8))
    assert (config.authorities, config.timestamp_timeout) == (("http://tsa.example/",), 5)


def test_a_hold_is_over_on_its_day(tmp_path: Path) -> None:
    hold = read(tmp_path, WHOLE).datasets["survey"].hold
    assert hold is not None
    assert hold.active(dt.date(2027, 1, 30))
    assert not hold.active(dt.date(2027, 1, 31))


def test_a_hold_without_an_end_goes_on(tmp_path: Path) -> None:
    hold = read(tmp_path, WHOLE.replace("until = 2027-01-31\n", "")).datasets["survey"].hold
    assert hold is not None
    assert hold.active(dt.date(9999, 1, 1))


values = st.recursive(
    st.sampled_from(
        ["1", "-7", "true", "1.5", "nan", "inf", '"text"', "''", '"a@b.example"', "2018-05-01",
         "2018-05-01T10:00:00Z", "10:00:00", "[]", "{}", '"\\u0000"', '"postgres://u:p@h/d"', "9" * 40]
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
    | inner.map(lambda each: f"{{ store = {each} }}"),
    max_leaves=4,
)  # fmt: skip


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_change_of_a_value_is_taken_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    lines = list(_LINES)
    number = data.draw(st.sampled_from([n for n, line in enumerate(lines) if " = " in line]))
    key = lines[number].split(" = ")[0]
    lines[number] = f"{key} = {data.draw(values)}\n"
    read_or_refused(tmp_path, "".join(lines))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_lines_are_taken_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """Left out, doubled, in another order, under another table."""
    read_or_refused(tmp_path, "".join(data.draw(st.lists(st.sampled_from(_LINES), max_size=30))))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=100))
def test_any_text_is_taken_or_refused(tmp_path: Path, text: str) -> None:
    read_or_refused(tmp_path, text)


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 50_000, "a = " + "{b=" * 50_000]
)
def test_what_python_itself_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is not TOML"):
        read(tmp_path, text)


@pytest.mark.parametrize("line", range(len(_LINES)))
def test_a_key_nobody_knows_is_named_with_its_line(tmp_path: Path, line: int) -> None:
    """Below every table, and at every place in the file."""
    if line and " = " not in _LINES[line - 1] and not _LINES[line - 1].startswith("["):
        return
    text = "".join([*_LINES[:line], "misspelt = 1\n", *_LINES[line:]])
    tomllib.loads(text)
    with pytest.raises(UsageError, match=rf":{line + 1}: (?:.*\.)?misspelt ") as refusal:
        read(tmp_path, text)
    assert refusal.value.hint or "must be" in refusal.value.message


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ('state = "state"', 'state = ""', "state is no folder's name"),
        ('state = "state"', 'state = "a\\u0000b"', "state holds a NUL character"),
        ('roots = ["share"]', 'roots = ["a\\u0000b"]', "stores.share.roots holds a NUL character"),
        ('"http://tsa.example/"', '"http://"', "must be http:// or https:// URLs"),
        (
            '"http://tsa.example/"',
            '"http://tsa.example:99999/"',
            "must be http:// or https:// URLs",
        ),
        ('"http://tsa.example/"', '"http://[tsa/"', "must be http:// or https:// URLs"),
        (
            'controller = "Example Ltd"',
            f'controller = "{"x" * 201}"',
            "controller must have 1 to 200",
        ),
        (
            'title = "A survey"',
            'title = "of ann@example.org"',
            "title looks like an e-mail address",
        ),
    ],
)
def test_what_would_be_refused_too_late_is_refused_here(
    tmp_path: Path, old: str, new: str, wrong: str
) -> None:
    with pytest.raises(UsageError, match=wrong.replace("(", r"\(")):
        read(tmp_path, WHOLE.replace(old, new))


def test_a_sealed_source_is_a_file(tmp_path: Path) -> None:
    plain = 'path = "share/a.csv" }'
    found = read(tmp_path, WHOLE.replace(plain, 'path = "share/a.age", sealed = true }'))
    assert [each.sealed for each in found.datasets["survey"].sources] == [True]
    assert [each.sealed for each in read(tmp_path, WHOLE).datasets["survey"].sources] == [False]
    for wrong, why in (
        ('table = "a.b", sealed = true }', "sealed goes with path or key"),
        ('path = "share/a.age", sealed = "yes" }', "must be true or false"),
    ):
        with pytest.raises(UsageError, match=why):
            read(tmp_path, WHOLE.replace(plain, wrong))


def test_where_keys_lie(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE).keys == KeysConfig()
    added = '\n[keys]\nfile = "x"\nerasure = "best-effort"\n'
    assert read(tmp_path, WHOLE + added).keys == KeysConfig(file=tmp_path / "x", best_effort=True)
    with pytest.raises(UsageError, match="erasure must be one of"):
        read(tmp_path, WHOLE + '\n[keys]\nerasure = "never"\n')
    with pytest.raises(UsageError, match="wrapping must be one of"):
        read(tmp_path, WHOLE + '\n[keys]\nwrapping = "paper"\n')
    assert read(tmp_path, WHOLE + '\n[keys]\nwrapping = "keyring"\n').keys.by_keyring
    with pytest.raises(UsageError, match="is no file's name"):
        read(tmp_path, WHOLE + '\n[keys]\nfile = ""\n')


APPROVERS = """
[approvers.dpo]
role = "data-protection-officer"
reference = "staff-3"
public_key = "dpo.pub"

[approvers.head]
role = "head-of-research"
reference = "staff-9"
public_key = "head.pub"
"""


def approved(folder: Path, approvals: int, people: str = APPROVERS) -> Config:
    text = WHOLE.replace('basis = "gdpr-art-17"', f'basis = "gdpr-art-17"\napprovals = {approvals}')
    return read(folder, text + people)


def test_approvers_are_read_in_order(tmp_path: Path) -> None:
    config = approved(tmp_path, 2)
    assert config.datasets["survey"].approvals == 2
    assert [(each.name, each.reference) for each in config.approvers] == [
        ("dpo", "staff-3"), ("head", "staff-9"),
    ]  # fmt: skip
    assert approved(tmp_path, 0, "").approvers == read(tmp_path, WHOLE).approvers == ()


@pytest.mark.parametrize(
    ("approvals", "old", "new", "wrong"),
    [
        (3, "", "", "datasets.survey.approvals is more than there are [approvers]"),
        (9, "", "", "datasets.survey.approvals must be 0 to 8"),
        (-1, "", "", "datasets.survey.approvals must be 0 to 8"),
        (1, "staff-9", "staff-3", "head.reference is the operator's, or another approver's"),
        (1, "staff-3", "po-3", "dpo.reference is the operator's, or another approver's"),
        (1, "staff-3", "Ann Example", "dpo.reference must be up to 64 letters"),
        (1, "head-of-research", "Head", "head.role must be a code"),
        (1, 'public_key = "dpo.pub"\n', "", "approvers.dpo lacks the key 'public_key'"),
        (1, 'public_key = "dpo.pub"', 'key = "dpo.pub"', "approvers.dpo lacks the key"),
    ],
)
def test_approvers_that_cannot_be(
    tmp_path: Path, approvals: int, old: str, new: str, wrong: str
) -> None:
    people = APPROVERS.replace(old, new, 1) if old else APPROVERS
    with pytest.raises(UsageError) as caught:
        approved(tmp_path, approvals, people)
    assert wrong in caught.value.message


def test_more_recipients_than_can_be_told_of(tmp_path: Path) -> None:
    def text(number: int) -> str:
        return WHOLE + "".join(f'[recipients.r{n}]\ndatasets = ["survey"]\n' for n in range(number))

    assert len(read(tmp_path, text(499)).recipients) == 500
    with pytest.raises(UsageError, match="more than 500 recipients"):
        read(tmp_path, text(500))


def test_a_name_with_an_address_in_it_is_no_name(tmp_path: Path) -> None:
    for table in ('stores."a@b.example"', 'datasets."a@b.example"', 'recipients."a@b.example"'):
        with pytest.raises(UsageError, match="is no name"):
            read(tmp_path, f"{WHOLE}[{table}]\n")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("controller",), 1), (("stores", "share"), 8), (("stores", "share", "roots"), 10),
        (("datasets", "survey", "columns", "email"), 21), (("nothing",), 1),
        (("datasets", "survey", "nothing"), 12),
    ],
)  # fmt: skip
def test_lines_are_those_of_the_key_or_of_what_holds_it(path: tuple[str, ...], line: int) -> None:
    assert line_of(WHOLE, path) == line


@given(st.text(max_size=80), st.lists(st.text(max_size=5), max_size=3))
def test_a_line_is_told_for_any_text(text: str, path: list[str]) -> None:
    line: Any = line_of(text, tuple(path))
    assert line >= 1
