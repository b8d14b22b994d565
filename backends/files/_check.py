"""What ``shredder doctor`` says of a root."""

from __future__ import annotations

import os
from collections.abc import Iterator

from backends.contract import Check, CheckStatus
from backends.files.trees import Root
from backends.fsops import linux
from backends.fsops.reasons import RootUnavailable, reason_for, root_reason
from backends.fsops.tree import open_root

# Where an overwriting in place does not reach the blocks that hold the data, whatever is done.
_COPY_ON_WRITE = frozenset({"btrfs", "zfs", "bcachefs", "f2fs", "nilfs2", "overlay", "ubifs"})
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "glusterfs", "afs"})


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
    mount = linux.mount_of(fd)
    kind = mount.kind if mount else "unknown"
    space = os.fstatvfs(fd)
    free = f"{space.f_bavail * space.f_frsize / 2**30:.1f} GiB free"
    if kind in _COPY_ON_WRITE:
        detail = "overwriting goes to new blocks: the old ones stay until they are reused"
    elif kind in _NETWORK:
        detail = "a server decides where blocks go: overwriting proves nothing there"
    elif mount and "data=journal" in mount.options:
        detail = "content also goes through the journal, which is not overwritten"
    else:
        detail = "files are overwritten and read back; not proved on the medium"
    return Check(f"{what}: proof", CheckStatus.OK, f"{kind}, {free}: logical-delete; {detail}")
