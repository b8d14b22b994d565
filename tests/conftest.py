"""What every test shares: what a test needs of the machine, and what to do without it.

On a user's machine a test whose need is not met is skipped, and the run ends by naming it with
what to install. In CI (``CI=true``) nothing may be skipped: a missing need fails the test.

Several processes may run the tests, each with servers and folders of its own. What changes the
whole machine for a moment is marked ``alone``: no other test runs meanwhile.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest

from tests.needs import NEEDS, missing
from tests.turns import turn

pytest_plugins = ["tests.servers"]

_IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
_UNMET = "unmet need"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with turn(item.config, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            for name in marker.args:
                if name not in NEEDS:
                    raise pytest.UsageError(f"{item.nodeid}: unknown need {name!r}")
    # Files are given out in this order: long ones first, so that none is left to one process.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            reason = missing(name)
            if not reason:
                continue
            if _IN_CI:
                pytest.fail(f"CI must offer {name}: {reason}", pytrace=False)
            item.user_properties.append((_UNMET, reason))
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI lets no test skip"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    unmet = Counter(
        reason
        for report in terminalreporter.stats.get("skipped", ())
        for name, reason in getattr(report, "user_properties", ())
        if name == _UNMET
    )
    if unmet:
        terminalreporter.section("could not run here")
        for reason, count in sorted(unmet.items()):
            terminalreporter.write_line(f"{count} tests: {reason}")


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's settings out of the tests."""
    for name in list(os.environ):
        if name.startswith(("PG", "AWS_", "SHREDDER_")):
            monkeypatch.delenv(name)
    # boto3 would otherwise ask the metadata service of a cloud that is not there.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
