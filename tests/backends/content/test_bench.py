"""The benchmark of openers runs; what it measures is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[3] / "bench" / "openers.py"


def test_it_prints_a_rate_for_each_method() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--size", "2MB"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for method in ("gzip", "zstd", "bz2", "xz"):
        assert re.search(rf"^{method} +\d+ MB/s", done.stdout, re.MULTILINE)
