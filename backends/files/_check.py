"""What ``shredder doctor`` says of a root."""

from __future__ import annotations

import os
from collections.abc import Iterator

from backends.contract import Check, CheckStatus
from backends.files.trees import Root
from backends.fsops.ground import survey
from backends.fsops.reasons import RootUnavailable, reason_for, root_reason
from backends.fsops.tree import open_root

# What a folder's own blocks say nothing about.
_OF_FILES = frozenset({"blocks-unknown", "content-inline"})


def check(root: Root) -> Iterator[Check]:
    """Yield what can be done, and proved, below a root."""
    what = f"root {root.name}"
    try:
        fd = open_root(root.path)
    except RootUnavailable as error:
        yield Check(what, CheckStatus.FAILED, root_reason(error), "mount it, or correct `roots`")
        return
    try:
        yield _readable(fd, what)
        yield _writable(fd, what)
        yield _provable(fd, what)
    except OSError as error:
        yield Check(what, CheckStatus.FAILED, reason_for(error))
    finally:
        os.close(fd)


def _readable(fd: int, what: str) -> Check:
    with os.scandir(fd) as entries:
        next(entries, None)
    return Check(f"{what}: read", CheckStatus.OK)


def _writable(fd: int, what: str) -> Check:
    what = f"{what}: destroy"
    if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
        return Check(what, CheckStatus.MISSING, "mounted read-only", "mount it read-write")
    if not os.access(f"/proc/self/fd/{fd}", os.W_OK | os.X_OK, effective_ids=True):
        return Check(what, CheckStatus.MISSING, "no right to write", "run as the files' owner")
    return Check(what, CheckStatus.OK)


def _provable(fd: int, what: str) -> Check:
    """Tell what holds of every file here; single files can have more against them."""
    ground = survey(fd)
    space = os.fstatvfs(fd)
    free = f"{space.f_bavail * space.f_frsize / 2**30:.1f} GiB free"
    hindering = [code for code in ground.obstacles if code not in _OF_FILES]
    claim = "logical-delete" if hindering else "clear"
    detail = ", ".join((*hindering, *ground.limitations)) or "overwritten where it lies"
    return Check(f"{what}: proof", CheckStatus.OK, f"{ground.kind}, {free}: {claim}; {detail}")
