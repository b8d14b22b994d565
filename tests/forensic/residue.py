"""What is left in raw images of file systems after a destruction, by method.

    python -m tests.forensic.residue

As root, with the package ``secure-delete`` for ``srm``. On each file system lie a file of 2,000 canaries and 200 small files, each with a canary for
its content, its name and an attribute. They are destroyed by one method, the file system is
unmounted, and the raw image is searched for them. Prints the tables of ``docs/residue.md``; that of
a SeaweedFS comes from :mod:`tests.forensic.objects`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from backends import files
from backends.contract import Context, Gap, Order, Result
from backends.reference import ReferenceMatcher
from backends.scrub import Limits, scrub
from tests.forensic import objects
from tests.forensic.images import KINDS, Image, canary, mounted

LARGE, SMALL = 2000, 200
CONTENT, SMALL_CONTENT, NAMES, ATTRIBUTES = range(4)  # the canaries' file numbers
_MATCHER = ReferenceMatcher(
    [canary(CONTENT, n) for n in range(LARGE)] + [canary(SMALL_CONTENT, n) for n in range(SMALL)],
    [],
)


def _files(image: Image) -> list[Path]:
    return sorted(image.place.iterdir())


def remove(image: Image) -> None:
    """Remove by ``rm``."""
    subprocess.run(["rm", *_files(image)], check=True)


def shred(image: Image) -> None:
    """Overwrite and remove by coreutils."""
    subprocess.run(["shred", "-u", "-n1", *_files(image)], check=True)


def srm(image: Image) -> None:
    """Overwrite 38 times and remove by secure-delete."""
    subprocess.run(["srm", *_files(image)], check=True)


def destroy(image: Image) -> None:
    """Destroy as ``shredder destroy`` does."""
    context = Context(image.file.parent, image.file.parent / "none")
    store = files.BACKEND.open("share", {"roots": ["mnt/share"]}, context)
    (scope,) = store.scopes()
    orders: list[Order] = []
    for unit in store.units(scope.name):
        if isinstance(unit, Gap):
            raise SystemExit(f"not examined: {unit.reason}")
        for found in store.examine(unit, _MATCHER).holdings:
            assert found.whole is not None
            orders.append(Order(f"order-{len(orders)}", found, found.whole, whole=True))
    for start in range(0, len(orders), store.traits.batch):
        for answer in store.destroy(orders[start : start + store.traits.batch], _MATCHER):
            if answer.result is not Result.DESTROYED:
                raise SystemExit(f"not destroyed: {answer.reason}")


def destroy_and_scrub(image: Image) -> None:
    """Destroy, and scrub what was freed."""
    destroy(image)
    scrub(image.place, Limits(reserve=0, seconds=600), lambda *_: None)


METHODS: dict[str, Callable[[Image], None]] = {
    "`rm`": remove,
    "`shred -u -n1`": shred,
    "`srm`": srm,
    "`shredder destroy`": destroy,
    "the same, and `shredder scrub`": destroy_and_scrub,
}


def plant(image: Image) -> None:
    """Lay the canaries, and have them on the medium."""
    (image.place / "large").write_text("".join(f"{canary(CONTENT, n)}\n" for n in range(LARGE)))
    for number in range(SMALL):
        place = image.place / canary(NAMES, number)
        place.write_text(canary(SMALL_CONTENT, number))
        os.setxattr(place, "user.note", canary(ATTRIBUTES, number).encode())
    image.settle()


def left(kind: str, method: Callable[[Image], None]) -> tuple[int, int, int, int]:
    """Return how many of the canaries are left: of the large file, of small ones, names, notes."""
    with tempfile.TemporaryDirectory() as folder:
        with mounted(KINDS[kind], Path(folder)) as image:
            plant(image)
            method(image)
            if any(image.place.iterdir()):
                raise SystemExit(f"{kind}: not all files are gone")
            image.unmount()
        found = image.canaries()
    counts = [len(found.get(which, ())) for which in (CONTENT, SMALL_CONTENT, NAMES, ATTRIBUTES)]
    return counts[0], counts[1], counts[2], counts[3]


def table(kinds: Sequence[str], methods: Sequence[str]) -> str:
    """Return the rows as Markdown."""
    lines = [f"| | {' | '.join(methods)} |", f"| --- |{' --- |' * len(methods)}"]
    for kind in kinds:
        cells = [" / ".join(map(str, left(kind, METHODS[each]))) for each in methods]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--objects", action="store_true", help="only of a SeaweedFS's objects")
    given = parser.parse_args()
    if not given.objects:
        if shutil.which("srm") is None:
            parser.error("srm is missing: install the package secure-delete")
        print(table(given.kinds, list(METHODS)), end="\n\n")
    print(objects.table())


if __name__ == "__main__":
    main()
