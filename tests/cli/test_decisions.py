"""Rulings on single holdings: a file that `plan` writes, a person fills in, and `plan` reads."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from demo.survey import as_csv
from tests.cli.conftest import MINE, THEIRS
from tests.cli.operating import SURVEY, HereOperator


@pytest.fixture
def doubtful(here: HereOperator) -> HereOperator:
    """A desk with three lists of addresses that only resemble the survey."""
    for n in range(3):
        lines = [f"{row.email}\n" for row in MINE[10 * n : 10 * n + 5]]
        (here.folder / "shelf" / f"list-{n}.csv").write_text("email\n" + "".join(lines))
    return here


def decide(path: Path, rulings: dict[str, str]) -> None:
    """Fill in a decision file, as in a spreadsheet."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[1:]:
        row[0] = rulings.get(row[2].rsplit("/", 1)[-1], "")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def decisions(desk: HereOperator, *words: str | Path) -> dict[str, tuple[str, str | None]]:
    answer = desk.run("plan", SURVEY, *words, "--json").json
    return {
        h["locator"].rsplit("/", 1)[-1]: (h["decision"], h["reason"]) for h in answer["holdings"]
    }


def test_each_list_gets_its_own_ruling_and_the_run_keeps_to_it(doubtful: HereOperator) -> None:
    file = doubtful.folder / "decisions.csv"
    before = decisions(doubtful, "--undecided", file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert {name for name, (what, _) in before.items() if what == "undecided"} == {
        "list-0.csv", "list-1.csv", "list-2.csv",
    }  # fmt: skip
    decide(file, {"list-0.csv": "destroy-whole", "list-1.csv": "dismiss", "list-2.csv": "retain"})
    plan = doubtful.folder / "plan.jsonl"
    after = decisions(doubtful, "--decisions", file, "--output", plan)
    assert after["list-0.csv"] == ("destroy", None)
    assert after["list-1.csv"] == ("dismissed", "dismissed-by-decision")
    assert after["list-2.csv"] == ("retained", "retained-by-decision")
    done = doubtful.run("destroy", SURVEY, "--plan", plan, "--json").json
    assert done["outcome"] == "partial"
    left = {path.name for path in (doubtful.folder / "shelf").iterdir()}
    assert "list-0.csv" not in left
    assert {"list-1.csv", "list-2.csv", "canteen.csv"} <= left


def test_without_a_ruling_everything_stays_undecided(doubtful: HereOperator) -> None:
    file = doubtful.folder / "decisions.csv"
    before = decisions(doubtful, "--undecided", file)
    assert decisions(doubtful, "--decisions", file) == before


def test_a_ruling_to_destroy_spares_foreign_records_or_waits(doubtful: HereOperator) -> None:
    file = doubtful.folder / "decisions.csv"
    decisions(doubtful, "--undecided", file)
    decide(file, {"list-0.csv": "destroy"})
    assert decisions(doubtful, "--decisions", file)["list-0.csv"][0] == "undecided"


def test_a_ruling_is_about_one_version(doubtful: HereOperator) -> None:
    file = doubtful.folder / "decisions.csv"
    decisions(doubtful, "--undecided", file)
    decide(file, {"list-0.csv": "destroy-whole"})
    (doubtful.folder / "shelf" / "list-0.csv").write_text(as_csv(THEIRS[:3]))
    done = doubtful.run("plan", SURVEY, "--decisions", file)
    assert done.code == 2
    assert "1 decisions are about nothing that was found" in done.error


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\n,", "\nshred,", "line 2: no ruling is called 'shred'"),
        ("ruling,", "verdict,", "does not begin with the columns"),
        ("\n,", "\ndestroy\n,", "line 2: columns are missing"),
    ],
)
def test_a_file_that_is_none_is_refused(
    doubtful: HereOperator, old: str, new: str, said: str
) -> None:
    file = doubtful.folder / "decisions.csv"
    decisions(doubtful, "--undecided", file)
    file.write_text(file.read_text().replace(old, new, 1))
    done = doubtful.run("plan", SURVEY, "--decisions", file)
    assert (done.code, said in done.error) == (2, True), done.err


def test_two_rulings_on_one_holding_are_refused(doubtful: HereOperator) -> None:
    file = doubtful.folder / "decisions.csv"
    decisions(doubtful, "--undecided", file)
    decide(file, {"list-0.csv": "dismiss"})
    line = next(line for line in file.read_text().splitlines() if line.startswith("dismiss"))
    file.write_text(file.read_text() + line.replace("dismiss", "destroy") + "\n")
    done = doubtful.run("plan", SURVEY, "--decisions", file)
    assert (done.code, "rules twice" in done.error) == (2, True)


def test_a_certain_copy_is_not_dismissed(doubtful: HereOperator) -> None:
    file = doubtful.folder / "decisions.csv"
    decisions(doubtful, "--undecided", file)
    answer = doubtful.run("plan", SURVEY, "--json").json
    (copy,) = (h for h in answer["holdings"] if h["locator"].endswith("/copy.csv"))
    place = ",".join((copy["store"], copy["locator"], copy["version"]))
    file.write_text(file.read_text() + f"dismiss,{place},copy,25,0,\n")
    done = doubtful.run("plan", SURVEY, "--decisions", file)
    assert (done.code, "certain copy" in done.error) == (2, True)
    assert done.hint.startswith("rule `retain`")


def test_a_file_that_is_not_there_is_told(doubtful: HereOperator) -> None:
    done = doubtful.run("plan", SURVEY, "--decisions", "nowhere.csv")
    assert (done.code, "cannot be read" in done.error) == (2, True)
