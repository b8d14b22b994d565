"""The conformance suite itself: it tells on every store that breaks a rule."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from backends.conformance import HOOKS, BackendConformance
from tests.backends import mutants
from tests.backends.test_memory import TestMemory as HonestMemory


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run the suite over all mutants once, and return the tests that failed by class."""
    report = tmp_path_factory.mktemp("mutants") / "report.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "--no-summary",
         f"--junitxml={report}", mutants.__file__],
        check=False, capture_output=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    failed: dict[str, set[str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        assert case.find("error") is None, case.get("name")
        if case.find("failure") is not None:
            name = str(case.get("classname")).rsplit(".", 1)[-1]
            failed.setdefault(name, set()).add(str(case.get("name")).partition("[")[0])
    return failed


MUTANTS = {
    name: kind
    for name, kind in vars(mutants).items()
    if name.startswith("Test") and issubclass(kind, mutants.Broken)
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_found(name: str, failures: dict[str, set[str]]) -> None:
    assert set(MUTANTS[name].must_fail) <= failures.get(name, set())


def test_every_rule_of_behaviour_has_a_store_that_breaks_it(failures: dict[str, set[str]]) -> None:
    """A test that no mutant fails is either listed here with the reason, or missing a mutant."""
    without_mutant = {
        "test_it_keeps_the_protocols": "types; mypy holds them too",
        "test_its_traits_make_sense": "constants",
        "test_no_orders_are_no_work": "an edge of the same code",
        "test_gaps_are_well_formed": "memory has no gaps",
        "test_the_doctor_finds_a_healthy_store": "the mirror of the unreachable place",
        "test_the_place_is_whole_again": "the mirror of the unreachable place",
        "test_listing_twice_gives_the_same": "as test_a_listing_names_every_unit_once",
    }
    tests = {
        name
        for name in dir(HonestMemory)
        if name.startswith("test_") and getattr(HonestMemory, name)
    }
    failed = set().union(*failures.values())
    assert set(without_mutant) == tests - failed


def test_an_inability_is_one_of_the_known_and_has_a_reason() -> None:
    with pytest.raises(TypeError, match="names of HOOKS"):
        type("Vague", (BackendConformance,), {}, cannot={"deny": ""})
    with pytest.raises(TypeError, match="names of HOOKS"):
        type("Unknown", (BackendConformance,), {}, cannot={"fly": "no wings"})


@pytest.mark.parametrize("hook", HOOKS)
def test_an_inability_changes_what_is_collected(hook: str) -> None:
    """Every hook decides over at least one test, and nothing is left to skip."""
    able = type("Able", (BackendConformance,), {}, cannot={})
    unable = type("Unable", (BackendConformance,), {}, cannot={hook: "for this test"})

    def collected(kind: type) -> set[str]:
        return {name for name in dir(kind) if name.startswith("test_") and getattr(kind, name)}

    assert collected(able) - collected(unable)
