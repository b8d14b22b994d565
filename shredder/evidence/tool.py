"""What did the work: this tool's name, version, and the digest of its installed code."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from attestations import Tool

DISTRIBUTION = "shredder-toolkit"
_PACKAGES = ("attestations", "backends", "shredder")


def tool() -> Tool:
    """Measure the running code."""
    return Tool(name="shredder", version=version(DISTRIBUTION), digest=code_digest())


def code_digest() -> str:
    """SHA-256 over every Python file of the three packages, by path and content.

    A list of ``<hex SHA-256>  <path>`` lines in order of path, as `sha256sum` prints them, is
    digested: ``find attestations backends shredder -name '*.py' | LC_ALL=C sort | xargs
    sha256sum | sha256sum`` gives the same from a checkout.
    """
    root = Path(__file__).resolve().parents[2]
    lines = hashlib.sha256()
    for relative in sorted(
        path.relative_to(root).as_posix()
        for package in _PACKAGES
        for path in (root / package).rglob("*.py")
    ):
        content = hashlib.sha256((root / relative).read_bytes()).hexdigest()
        lines.update(f"{content}  {relative}\n".encode())
    return f"sha256:{lines.hexdigest()}"
