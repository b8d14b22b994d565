"""The kernel's refusals as reason codes and errors."""

from __future__ import annotations

import errno

from backends.errors import AccessDenied, CouldNotTell, Unreachable, Vanished


class RootUnavailable(OSError):
    """A root cannot be opened: nothing is known of anything below it."""


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


def root_reason(error: OSError) -> str:
    """Return the reason code why a root cannot be opened."""
    reason = reason_for(error)
    return {"vanished": "root-missing", "path-replaced": "root-not-a-folder"}.get(reason, reason)


def told(error: OSError, where: str) -> CouldNotTell:
    """Return a system error as one of ours. `where` names store and scope, no locator."""
    if isinstance(error, RootUnavailable):
        return _told_of_root(error, where)
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


def _told_of_root(error: RootUnavailable, where: str) -> CouldNotTell:
    reason = root_reason(error)
    if reason == "access-denied":
        return AccessDenied(
            f"{where}: the root may not be read", hint="let shredder's user read the whole root"
        )
    if reason == "root-missing":
        text, hint = "the root is not there", "mount it, or correct `roots` in shredder.toml"
    elif reason == "root-not-a-folder":
        text, hint = "the root is not a folder", "a root may not be a symlink: name its target"
    else:
        text, hint = f"the root cannot be opened ({reason})", ""
    return Unreachable(f"{where}: {text}", hint=hint, reason=reason)
