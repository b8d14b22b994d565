"""Chosen columns of a CSV file, sealed and opened: value by value, whole or not at all."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.sealedvalue import Cell, KeyTree, Values, of_text
from shredder.errors import Inconclusive, UsageError
from shredder.observer import Nobody
from shredder.sealing.columns import Columns, named, open_columns, seal_columns
from tests.structure.tree import ROOT

KEY, OTHER = bytearray(range(32)), bytearray(32)
NAME = "survey"
BOTH = Columns(("email", "note"), "id")
TEXT = 'id,email,note,year\n7,jane@example.org,"she said, ""no""\nand left",2018\n8,,"",2019\n'


def sealed(folder: Path, text: str | bytes, columns: Columns = BOTH) -> Path:
    plain, output = folder / "plain.csv", folder / "sealed.csv"
    plain.write_bytes(text.encode() if isinstance(text, str) else text)
    seal_columns(plain, output, columns, NAME, Values(KEY), Nobody())
    return output


def opened(
    source: Path, columns: Columns = BOTH, *, key: bytearray = KEY, name: str = NAME
) -> bytes:
    output = source.with_name("opened.csv")
    output.unlink(missing_ok=True)
    open_columns(source, output, columns, name, Values(key), Nobody())
    return output.read_bytes()


def rows(data: str | bytes, delimiter: str = ",") -> list[list[str]]:
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_there_and_back(tmp_path: Path) -> None:
    source = sealed(tmp_path, TEXT)
    header, jane, john = rows(source.read_bytes())
    assert header == ["id", "email", "note", "year"]
    assert (jane[0], jane[3], john[0], john[3]) == ("7", "2018", "8", "2019")
    assert b"jane" not in source.read_bytes()
    assert b"she said" not in source.read_bytes()
    assert john[1].startswith("SEALEDv1"), "nobody sees who gave no answer"
    assert rows(opened(source)) == rows(TEXT)
    assert (tmp_path / "opened.csv").stat().st_mode & 0o777 == 0o600


def test_a_program_opens_what_the_command_sealed(tmp_path: Path) -> None:
    jane = rows(sealed(tmp_path, TEXT).read_bytes())[1]
    cell = Cell(NAME, "email", "7")
    assert Values(KEY).open(of_text(jane[1]), cell) == "jane@example.org"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_the_file_keeps_its_form(tmp_path: Path, delimiter: str, end: str, bom: bytes) -> None:
    text = end.join(delimiter.join(row) for row in [["id", "email"], ["7", "jané"], ["8", "x"], []])
    source = sealed(tmp_path, bom + text.encode(), Columns(("email",), "id"))
    assert source.read_bytes().startswith(bom + f"id{delimiter}email{end}".encode())
    assert opened(source, Columns(("email",), "id")) == bom + text.encode()


FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=8))
def test_whatever_stands_in_the_fields(tmp_path: Path, given: list[tuple[str, str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("id", "email", "note"), *given])
    for name in ("sealed.csv", "opened.csv"):
        (tmp_path / name).unlink(missing_ok=True)
    assert rows(opened(sealed(tmp_path, text.getvalue()))) == rows(text.getvalue())


def altered(source: Path, change: object) -> None:
    found = rows(source.read_bytes())
    change(found)  # type: ignore[operator]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(found)
    source.write_text(text.getvalue(), newline="")


def swap(found: list[list[str]]) -> None:
    found[1][1], found[2][1] = found[2][1], found[1][1]


def across(found: list[list[str]]) -> None:
    found[1][1], found[1][2] = found[1][2], found[1][1]


def rename(found: list[list[str]]) -> None:
    found[1][0] = "9"


def flip(found: list[list[str]]) -> None:
    cell = found[1][1]
    found[1][1] = cell[:60] + ("A" if cell[60] != "A" else "B") + cell[61:]


def clear(found: list[list[str]]) -> None:
    found[1][1] = "jane@example.org"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (swap, Inconclusive, "another cell"),
        (across, Inconclusive, "another cell"),
        (rename, Inconclusive, "another cell"),
        (flip, Inconclusive, "altered"),
        (clear, UsageError, "not sealed"),
    ],
)
def test_of_what_does_not_hold_together_nothing_is_left(
    tmp_path: Path, change: object, error: type[Exception], words: str
) -> None:
    source = sealed(tmp_path, TEXT)
    altered(source, change)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error, match=words) as told:
        opened(source)
    assert "jane" not in str(told.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_row_under_its_own_key_goes_alone(tmp_path: Path) -> None:
    plain, output = tmp_path / "plain.csv", tmp_path / "sealed.csv"
    plain.write_text(TEXT)
    whole = bytes(KeyTree.made().packed())
    with Values(KEY, KeyTree.unpacked(whole)) as values:
        seal_columns(plain, output, BOTH, NAME, values, Nobody(), under_records=True)
        gone = values.path("8")
    with Values(KEY, KeyTree.unpacked(whole).without([gone])) as values:
        came = open_columns(output, tmp_path / "opened.csv", BOTH, NAME, values, Nobody())
        assert (came.values, came.destroyed) == (4, 2)
        with pytest.raises(UsageError, match="own key is destroyed"):
            seal_columns(plain, tmp_path / "x", BOTH, NAME, values, Nobody(), under_records=True)
    header, jane, john = rows((tmp_path / "opened.csv").read_bytes())
    assert [header, jane] == rows(TEXT)[:2]
    assert john == rows(output.read_bytes())[2], "it stays as it was"
    with pytest.raises(UsageError, match="not sealed to the key"):
        opened(output)
    assert not (tmp_path / "x").exists()


def test_a_row_that_is_not_named_has_no_key_of_its_own(tmp_path: Path) -> None:
    """It would be sealed under the dataset's, and stay when its record's goes."""
    plain = tmp_path / "plain.csv"
    plain.write_text("id,email,note\n7,a,b\n  ,c,d\n")
    with Values(KEY, KeyTree.made()) as values:
        with pytest.raises(UsageError, match=r"not named.*ends in line 3"):
            seal_columns(plain, tmp_path / "x", BOTH, NAME, values, Nobody(), under_records=True)
        plain.write_text("id,email,note\n 7 ,a,b\n")
        seal_columns(plain, tmp_path / "x", BOTH, NAME, values, Nobody(), under_records=True)
        sealed = of_text(rows((tmp_path / "x").read_bytes())[1][1])
        assert values.path("7") in sealed, "as --record names it"


def test_of_another_key_or_dataset(tmp_path: Path) -> None:
    source = sealed(tmp_path, TEXT)
    with pytest.raises(UsageError, match="not sealed to the key"):
        opened(source, key=OTHER)
    with pytest.raises(Inconclusive, match="another cell"):
        opened(source, name="another")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,note\n7,x\n", "does not have all of"),
        ("", "does not have all of"),
        ("id,email,email,note\n7,a,b,c\n", "two columns of one name"),
        ("id,email,note\n7,a\n", "another number of fields in the record that ends in line 2"),
        (b"id,email,note\n7,jan\xe9,x\n", "not UTF-8"),
        (f"id,email,note\n{'7' * 65_536},jane,x\n", "65,535 bytes"),
        ('id,email,note\n7,"a" b,x\n', "not CSV"),
    ],
)
def test_what_cannot_be_sealed(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        sealed(tmp_path, text)
    assert [path.name for path in tmp_path.iterdir()] == ["plain.csv"]


@pytest.mark.parametrize(
    ("columns", "row", "words"),
    [
        ("email", "", "needs --row"),
        ("", "id", "names columns"),
        ("email,", "id", "names columns"),
        ("email,email", "id", "names columns"),
        ("email,id", "id", "names the row"),
    ],
)
def test_names_that_make_no_sense(columns: str, row: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        named(columns, row)
    assert named("", "") is None


def test_a_long_value_and_the_limit_of_others(tmp_path: Path) -> None:
    """Longer than what `csv` reads by itself; its limit is the process's, and stays."""
    before = 1 << 17
    csv.field_size_limit(before)
    text = f"id,email,note\n7,{'x' * 300_000},y\n"
    assert opened(sealed(tmp_path, text)) == text.encode()
    assert csv.field_size_limit() == before


PEAK = """
import resource, sys
from pathlib import Path
from backends.sealedvalue import Values
from shredder.observer import Nobody
from shredder.sealing.columns import Columns, open_columns, seal_columns
source, sealed, opened = map(Path, sys.argv[1:])
values, columns = Values(bytes(32)), Columns(("email",), "id")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seal_columns(source, sealed, columns, "survey", values, Nobody())
open_columns(sealed, opened, columns, "survey", values, Nobody())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """40,000 rows of 600 bytes there and back, 24 MB; the process may grow by eight."""
    places = [tmp_path / name for name in ("plain", "sealed", "opened")]
    with places[0].open("w") as file:
        file.write("id,email,rest\n")
        file.writelines(f"{n},mail-{n}@example.org,{'r' * 570}\n" for n in range(40_000))
    told = subprocess.run(
        [sys.executable, "-c", PEAK, *places], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(told.stdout) < 8 << 10
    assert places[2].read_bytes() == places[0].read_bytes()
