"""What tests may need of the machine: how to tell, and what to install."""

from __future__ import annotations

import ctypes.util
import functools
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


def _program(name: str, package: str) -> Callable[[], str]:
    def probe() -> str:
        return "" if shutil.which(name) else f"no {name} here: install {package}"

    return probe


def _root() -> str:
    return "" if os.geteuid() == 0 else "not root: run as root"


# Root, but refused what the owner of a file is refused by its mode.
WITHOUT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def _unprivileged() -> str:
    """Somebody whom the kernel refuses: whoever runs the tests, or root without its override."""
    if os.geteuid() != 0:
        return ""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        command = [*WITHOUT_OVERRIDE, "test", "!", "-r", file.name]
        found = shutil.which("setpriv") and subprocess.run(command, check=False).returncode == 0
    return "" if found else "root cannot give up its override here: run as a user"


def _loop() -> str:
    """Loop images: root, a loop device, and the file systems' tools."""
    if os.geteuid() != 0:
        return "not root: loop images need root"
    for tool, package in (("mkfs.ext4", "e2fsprogs"), ("losetup", "mount")):
        if not shutil.which(tool):
            return f"no {tool} here: install {package}"
    found = subprocess.run(["losetup", "--find"], capture_output=True, check=False)
    return "" if found.returncode == 0 else "no free loop device here"


def _xattr() -> str:
    with tempfile.NamedTemporaryFile() as file:
        try:
            os.setxattr(file.name, "user.probe", b"x")
        except OSError:
            return "no extended attributes in the temporary folder"
    return ""


def _handles() -> str:
    command = ["stat", "-f", "-c", "%T", tempfile.gettempdir()]
    kind = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    lasting = {"ext2/ext3", "xfs", "btrfs", "tmpfs", "f2fs"}
    return "" if kind in lasting else f"no handles that last in the temporary folder, on {kind}"


def _vectors() -> str:
    return "" if VECTORS.is_dir() else "no published vectors here: lay them in ../shared/vectors"


def _postgres_15() -> str:
    return "" if (POSTGRES_15 / "initdb").exists() else "no Postgres 15: install postgresql-15"


def _postgres_packages() -> str:
    """Of the versions between: npm's packages have servers for this kind of processor only."""
    return _node() or ("" if platform.machine() == "x86_64" else "packages are for x86_64 only")


def _softhsm() -> str:
    found = ctypes.util.find_library("softhsm2") or Path("/usr/lib/softhsm/libsofthsm2.so").exists()
    return "" if found else "no SoftHSM here: install softhsm2"


def _gnome_keyring() -> str:
    return _program("gnome-keyring-daemon", "gnome-keyring")() or _program("dbus-daemon", "dbus")()


def _node() -> str:
    """Node.js of the version that the page is built with, and npm."""
    if not shutil.which("npm"):
        return "no npm here: install npm"
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = int(done.stdout.strip().lstrip("v").split(".")[0] or 0)
    return "" if major >= 20 else "Node.js is older than 20: install a newer one"


NEEDS: dict[str, Callable[[], str]] = {
    "root": _root,
    "unprivileged": _unprivileged,
    "loop": _loop,
    "xattr": _xattr,
    "handles": _handles,
    "vectors": _vectors,
    "postgres-15": _postgres_15,
    "postgres-packages": _postgres_packages,
    "pg-repack": _program("pg_repack", "postgresql-15-repack"),
    "softhsm": _softhsm,
    "gnome-keyring": _gnome_keyring,
    "age": _program("age", "age"),
    "openssl": _program("openssl", "openssl"),
    "ssh-agent": _program("ssh-agent", "openssh-client"),
    "xfs": _program("mkfs.xfs", "xfsprogs"),
    "btrfs": _program("mkfs.btrfs", "btrfs-progs"),
    "chattr": _program("chattr", "e2fsprogs"),
    "setfacl": _program("setfacl", "acl"),
    "gio": _program("gio", "libglib2.0-bin"),
    "jq": _program("jq", "jq"),
    "chromium": _program("chromium", "chromium"),
    "node": _node,
    "7zip": _program("7zz", "7zip"),
    "poppler": _program("pdftotext", "poppler-utils"),
    "vim": _program("vim", "vim"),
}


@functools.cache
def missing(name: str) -> str:
    """Why a need is not met here and what to do about it; empty where it is met."""
    return NEEDS[name]()
