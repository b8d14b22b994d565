"""The benchmark of sealing runs; what it measures is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.structure.tree import ROOT


@pytest.mark.needs("age")
def test_it_prints_a_rate_for_each_way() -> None:
    command = [sys.executable, str(ROOT / "bench" / "sealing.py"), "--size", "1MB", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for what in ("sealing", "opening"):
        assert re.search(rf"^{what}: age \d+ MB/s, ours \d+ MB/s$", done.stdout, re.MULTILINE)
