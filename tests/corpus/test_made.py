"""The corpus itself: the same each time, as wide as it is said to be, and readable by others."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shlex
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.corpus import __main__ as command
from tests.corpus import cases, charsets, copies, dataset, report
from tests.corpus.cases import Case
from tests.corpus.decoys import DECOYS
from tests.corpus.formats import FORMATS
from tests.corpus.tables import Kind, Table
from tests.corpus.wrappers import WRAPPERS
from tests.structure.docs import DOCS


@pytest.fixture(scope="module")
def made() -> list[Case]:
    return [cases.make(500 + n // 200, f"copy-{n % 200}") for n in range(1200)]


@pytest.fixture(scope="module")
def table() -> Table:
    """Twenty rows of a survey, with their identifiers first."""
    source = dataset.make(7, "uuid").table
    return Table(source.columns, source.rows[:20])


def test_a_case_is_the_same_each_time() -> None:
    for name in ("copy-3", "decoy-3", "table-copy-3", "table-decoy-3"):
        one = cases.make(42, name)
        cases.dataset_of.cache_clear()
        assert cases.make(42, name).bare() == one.bare()


def test_another_seed_has_other_people() -> None:
    one, other = dataset.make(1, "uuid"), dataset.make(2, "uuid")
    assert not {p.email for p in one.people} & {p.email for p in other.people}


def test_there_are_namesakes_and_common_incomes() -> None:
    source = dataset.make(1, "name-income")
    names = Counter(p.full for p in (*source.people, *source.strangers))
    assert sum(n > 1 for n in names.values()) > 20
    assert max(source.frequency[Kind.INCOME].values()) > 0.02


def test_the_corpus_is_wide(made: list[Case]) -> None:
    assert len(FORMATS) >= 20
    assert len(WRAPPERS) >= 8
    assert {case.format for case in made} == set(FORMATS)
    assert {case.file.wrapper for case in made} == set(WRAPPERS)
    assert {case.file.encoding for case in made} == {*charsets.NAMES, ""}
    rules = {"id", "email+text", "text", "email+values", "number+values", "name+values", ""}
    assert {case.evidence for case in made} == rules
    assert {bool(case.truth and case.truth.foreign) for case in made} == {True, False}


def written(name: str, table: Table) -> list[str | bytes]:
    """A few files of a format: it leaves things open."""
    return [FORMATS[name].write(random.Random(n), table) for n in range(8)]


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_identifier_is_in_what_is_written_unpacked(name: str, table: Table) -> None:
    """A text and an unpacked binary have them as they are; of the others see below."""
    packed = {"mbox", "eml-attachment", "pdf", "xlsx", "xlsx-second-sheet", "ods"}
    packed |= {"npy"}  # texts of four bytes a character
    packed |= {"parquet", "parquet-arrow", "arrow-file", "arrow-stream", "avro", "orc"}
    if name in packed or FORMATS[name].lossy:
        return
    for body in written(name, table):
        text = body if isinstance(body, str) else body.decode("latin-1")
        assert all(row[0] in text for row in table.rows)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.lossy])
def test_of_deleted_rows_most_are_left_and_the_rest_is_not_counted(name: str) -> None:
    drawn = (copies.draw(random.Random(n), dataset.make(7, "uuid")) for n in range(200))
    copy = next(c for c in drawn if len(c.planted) > 30 and c.columns[0].kind is Kind.ID)
    body = FORMATS[name].write(random.Random(1), copy.table)
    assert isinstance(body, bytes)
    left = copy.left(body)
    assert len(copy.planted) * 0.3 < left.records + left.foreign <= len(copy.planted)
    assert copy.left(b"").records == 0


def test_csv_reads_back(table: Table) -> None:
    for body in written("csv", table):
        assert isinstance(body, str)
        assert [tuple(r) for r in csv.reader(io.StringIO(body))] == [table.names, *table.rows]


def test_json_reads_back(table: Table) -> None:
    for body in written("json-one-line", table):
        assert [r["respondent_id"] for r in json.loads(body)] == [r[0] for r in table.rows]


@pytest.mark.needs("poppler")
def test_pdf_is_read_by_another_program(table: Table, tmp_path: Path) -> None:
    for body in written("pdf", table)[:2]:
        assert isinstance(body, bytes)
        path = tmp_path / "a.pdf"
        path.write_bytes(body)
        text = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout
        squeezed = re.sub(rb"\s", b"", text).decode()
        assert all(row[0] in squeezed for row in table.rows)


@pytest.mark.needs("vim")
def test_the_swap_file_is_recovered_by_vim(table: Table, tmp_path: Path) -> None:
    (body, *_) = written("vim-swap", table)
    assert isinstance(body, bytes)
    (tmp_path / ".a.csv.swp").write_bytes(body)
    vim = [
        "vim",
        "-u",
        "NONE",
        "-es",
        "-c",
        "recover a.csv",
        "-c",
        "w! out",
        "-c",
        "qa!",
    ]
    subprocess.run(vim, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL, timeout=60)
    recovered = (tmp_path / "out").read_text("utf-8")
    assert [r for r in table.rows if r[0] not in recovered] == []


def test_show_shows_a_case(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "case"
    assert command.main(["show", "--seed", "5", "--case", "copy-12", "--output", str(file)]) == 0
    assert "--seed 5 --case copy-12" in capsys.readouterr().out
    assert file.read_bytes() == cases.make(5, "copy-12").file.data


def test_the_documented_command_judges(capsys: pytest.CaptureFixture[str]) -> None:
    """The figure's command, with fewer cases: later options win."""
    text = (DOCS / "finding.md").read_text("utf-8")
    documented = re.search(r"<!-- figure -->\n```\n\$? ?python -m tests.corpus (.*)\n", text)
    assert documented
    seeds = re.search(r"--seed (\d+)", documented[1])
    assert seeds
    assert int(seeds[1]) >= 1000
    few = ["--seeds", "1", "--copies", "4", "--decoys", "4", "--jobs", "1"]
    command.main([*shlex.split(documented[1]), *few])
    out = capsys.readouterr().out
    assert "decidable copies" in out
    assert len(DECOYS) >= 10
    assert report.AXES
