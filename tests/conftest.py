"""What every test shares: what a test needs of the machine, and what to do without it.

On a user's machine a test whose need is not met is skipped, and the run ends by naming it with
what to install. In CI (``CI=true``) nothing may be skipped: a missing need fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.needs import NEEDS, missing

pytest_plugins = ["tests.servers"]

_IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
_unmet: dict[str, int] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            for name in marker.args:
                if name not in NEEDS:
                    raise pytest.UsageError(f"{item.nodeid}: unknown need {name!r}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            reason = missing(name)
            if not reason:
                continue
            if _IN_CI:
                pytest.fail(f"CI must offer {name}: {reason}", pytrace=False)
            _unmet[reason] = _unmet.get(reason, 0) + 1
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
    if _unmet:
        terminalreporter.section("could not run here")
        for reason, count in sorted(_unmet.items()):
            terminalreporter.write_line(f"{count} tests: {reason}")


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's settings out of the tests."""
    for name in list(os.environ):
        if name.startswith(("PG", "AWS_", "SHREDDER_")):
            monkeypatch.delenv(name)
    # boto3 would otherwise ask the metadata service of a cloud that is not there.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
