"""The kernel's refusals as reason codes and errors."""

from __future__ import annotations

import errno

from backends.errors import AccessDenied, CouldNotTell, Unreachable, Vanished

_REASONS = {
    errno.EACCES: "access-denied",
    errno.EPERM: "access-denied",
    errno.EROFS: "read-only-filesystem",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.ETXTBSY: "in-use",
    errno.EAGAIN: "in-use",  # somebody else's lease, met with O_NONBLOCK
    errno.EBUSY: "in-use",
    errno.EIO: "input-output-error",
    errno.ELOOP: "path-replaced",  # a symlink where a folder or file was
    errno.ENOTDIR: "path-replaced",
    errno.ENOENT: "vanished",
    errno.EEXIST: "name-taken",
    errno.EMFILE: "too-many-open-files",
    errno.ENFILE: "too-many-open-files",
    errno.ESTALE: "unreachable",
    errno.ETIMEDOUT: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.ENOTCONN: "unreachable",
}


def reason_for(error: OSError) -> str:
    """Return the reason code of a system error; its text could tell a path."""
    return _REASONS.get(error.errno or 0, "system-error")


def told(error: OSError, where: str) -> CouldNotTell:
    """Return a system error as one of ours. `where` names store and scope, no locator."""
    reason = reason_for(error)
    if reason == "access-denied":
        return AccessDenied(
            f"{where}: reading was refused", hint="let shredder's user read the whole root"
        )
    if reason in {"unreachable", "input-output-error"}:
        return Unreachable(f"{where}: the file system does not answer", reason=reason)
    if reason in {"vanished", "path-replaced"}:
        return Vanished(f"{where}: a file is not there any more", reason=reason)
    return CouldNotTell(f"{where}: a file could not be read ({reason})", reason=reason)
