"""The documented benchmark runs; what it measures is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench" / "matcher.py"


def test_it_prints_a_rate_for_each_route() -> None:
    found = subprocess.run(
        [sys.executable, str(BENCH), "--size", "4MB", "--tokens", "3000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "4 MB of foreign text" in found.stdout
    for route in ("numpy", "numba"):
        assert re.search(rf"matcher, {route} +3,000 +\d+ MB/s", found.stdout)
        assert re.search(rf"probing, {route} +3,000 +\d+ MB/s", found.stdout)
        assert re.search(rf"with names and texts, {route} +20,000 +\d+ MB/s", found.stdout)


def test_enrolment_prints_what_a_record_more_costs() -> None:
    found = subprocess.run(
        [sys.executable, str(BENCH.with_name("enrolment.py")), "--records", "1000", "2000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert re.search(r"2,000 records .* peak +\d+ MB .* growth +-?\d+ bytes", found.stdout)
