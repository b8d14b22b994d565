"""How fast free space is scrubbed, beside ``sfill`` in the same run, and what the plan says of it.

    python bench/scrub.py --size 2GB

As root, with the package ``secure-delete`` for ``sfill``. Of each kind of file system one is made
in a file, in the folder that ``--in`` names, and some files on it are removed. ``sfill -llz`` fills
its free space once, with zeros, and makes files until no inode is left; a scrubbing also has the
journal come round, or btrfs's trees moved, and has what was freed trimmed. By the clock.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from backends import files
from backends.contract import Context, Holding
from backends.reference import ReferenceMatcher
from backends.scrub import Limits, scrub
from bench.matcher import MEGA, size_of
from bench.overwrite import timed
from tests.forensic.images import KINDS, Image, Kind, mounted

FILES, KINDS_HERE = 2000, ("ext4", "xfs", "btrfs")
_MATCHER = ReferenceMatcher(["record00000001"], [])


def told(image: Image) -> Holding:
    """Return the free space as a plan has it."""
    context = Context(image.file.parent, Path("/none"))
    settings = {"roots": ["mnt/share"], "scrub": True, "scrub_reserve": "0%"}
    store = files.BACKEND.open("share", settings, context)
    (image.place / "one").write_text("record00000001,\n")
    held = [
        found
        for unit in store.units("mnt/share")
        for found in store.examine(unit, _MATCHER).holdings  # type: ignore[arg-type]
    ]
    (free,) = (each for each in store.companions(held, _MATCHER) if each.kind == "free-space")
    return free


def measured(kind: str, size: int, folder: Path) -> None:
    """Print what one kind takes, by either."""
    with mounted(Kind(KINDS[kind].make, size=size), folder) as image:
        for number in range(FILES):
            (image.place / f"{number}").write_text("x" * 100)
        subprocess.run(["sync", "-f", image.mount], check=True)
        for number in range(FILES):
            (image.place / f"{number}").unlink()
        free = told(image)
        assert free.size is not None
        assert free.cost is not None
        own = timed(lambda: _scrubbed(image))
        peer = timed(lambda: _run("sfill", "-l", "-l", "-z", image.place))
    print(
        f"{kind}: {free.size / MEGA:.0f} MB free, scrubbed in {own:.1f} s, the plan says "
        f"{free.cost.seconds} s; sfill -llz {peer:.1f} s, {peer / own:.2f}",
        flush=True,
    )


def _scrubbed(image: Image) -> None:
    done = scrub(image.place, Limits(reserve=0, seconds=3600))
    assert done.filled, done.codes


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size_of, default=2000 * MEGA)
    parser.add_argument("--in", dest="folder", type=Path, default=None)
    parser.add_argument("--kinds", nargs="+", default=KINDS_HERE, choices=list(KINDS))
    given = parser.parse_args()
    if shutil.which("sfill") is None:
        parser.error("sfill is missing: install the package secure-delete")
    for kind in given.kinds:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            measured(kind, given.size, Path(folder))


if __name__ == "__main__":
    main()
