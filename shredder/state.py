"""The state directory: keys, catalogues, journal, runs, attestations. Mode 0700."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shredder import durable
from shredder.errors import Refused, UsageError

_FOLDERS = ("keys", "catalogues", "runs", "attestations")


class State:
    """Where everything lies below one state directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def create(cls, root: Path) -> State:
        """Make the directory and its folders; repeatable."""
        durable.make_private_directory(root)
        cls.open(root)
        for name in _FOLDERS:
            durable.make_private_directory(root / name)
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> State:
        """Use an existing one. Raises UsageError if it is missing or open to others."""
        try:
            found = root.lstat()
        except FileNotFoundError:
            raise UsageError(
                f"no state directory at {root}", hint="make it with `shredder init`"
            ) from None
        if not stat.S_ISDIR(found.st_mode):
            raise UsageError(f"the state directory {root} is not a directory")
        if found.st_mode & 0o077 or found.st_uid not in {os.geteuid(), 0}:
            raise UsageError(
                f"the state directory {root} is open to others",
                hint="it holds keys: chmod 700 it, and find out who could read it",
            )
        return cls(root)

    @property
    def signing_key(self) -> Path:
        """The private key that signs attestations."""
        return self.root / "keys" / "signing.pem"

    @property
    def public_key(self) -> Path:
        """Its public half, to be given to auditors."""
        return self.root / "keys" / "signing.pub.pem"

    def known_key(self, keyid: str) -> Path:
        """The public half of a key that signed here, kept when another takes its place."""
        return self.root / "keys" / f"signing-{keyid.removeprefix('sha256:')[:16]}.pub.pem"

    @property
    def slots(self) -> Path:
        """The file that the keys of datasets lie in, unless the configuration has it elsewhere."""
        return self.root / "keys" / "slots"

    @property
    def key_records(self) -> Path:
        """The folder of the records of these keys; no secret is in it."""
        return self.root / "keys" / "records"

    @property
    def key_trees(self) -> Path:
        """The folder of what the keys of single records are derived from, each encrypted."""
        return self.root / "keys" / "trees"

    def record_paths(self, selection: str) -> Path:
        """Where the keys of chosen records are in the key tree: keyed digests, a line each."""
        return self.root / "catalogues" / f"{selection}.paths"

    @property
    def log_key(self) -> Path:
        """The private key that signs the log's heads."""
        return self.root / "keys" / "log.pem"

    @property
    def log(self) -> Path:
        """The transparency log, unless the configuration has it elsewhere."""
        return self.root / "log"

    def fingerprint_key(self, dataset: str) -> Path:
        """The key of a dataset's fingerprint: 32 bytes."""
        return self.root / "keys" / f"{dataset}.fingerprint"

    def catalogue(self, dataset: str) -> Path:
        """A dataset's fingerprint: keyed digests."""
        return self.root / "catalogues" / f"{dataset}.catalogue"

    def ledger(self, dataset: str) -> Path:
        """What sweeps for a dataset have examined: keyed digests."""
        return self.root / "sweeps" / f"{dataset}.sqlite"

    def fingerprint_destroyed(self, dataset: str) -> Path:
        """When a dataset's fingerprint was destroyed, if that was decided: a time, one line."""
        return self.root / "catalogues" / f"{dataset}.destroyed"

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.root / "journal.sqlite"

    def run(self, run: str) -> Path:
        """The folder of one run: plan, results, secret, envelopes. Private."""
        return self.root / "runs" / run

    @property
    def attestations(self) -> Path:
        """Where bundles are left."""
        return self.root / "attestations"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the only right to change anything. Raises Refused if another run has it."""
        descriptor = os.open(
            self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "another run holds the state directory",
                hint="wait for it, or see what it does with `shredder status`",
            ) from None
        else:
            yield  # the kernel lets go of the lock when the process ends, however it ends
        finally:
            os.close(descriptor)
