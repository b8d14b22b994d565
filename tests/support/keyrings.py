"""gnome-keyring, a real keyring: a session bus of its own and a folder, for one test."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import pytest
import secretstorage

PASSWORD = "correct horse"  # of a keyring that lives as long as a test
# Nothing is started by the bus: what does not run is not there.
_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


class GnomeKeyring:
    """A context manager; in it `address` is the session bus's."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        """`data`: where its files are to lie; left out: in `folder`."""
        self._folder = folder
        self.data = data or folder / "data"
        self._bus: subprocess.Popen[str] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        (self._folder / "run").mkdir(parents=True, mode=0o700)
        config = self._folder / "bus.conf"
        config.write_text(_BUS.format(folder=self._folder))
        self._bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._bus.stdout is not None
        self.address = self._bus.stdout.readline().strip()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self._bus is not None
        self._bus.terminate()
        self._bus.communicate()

    @property
    def environment(self) -> dict[str, str]:
        return {"DBUS_SESSION_BUS_ADDRESS": self.address}

    @property
    def files(self) -> list[Path]:
        """The collections, as they lie on the disk."""
        return sorted(self.data.glob("keyrings/*.keyring"))

    def start(self) -> None:
        """Start the daemon, with its collection unlocked; the first start makes it."""
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "XDG_RUNTIME_DIR": str(self._folder / "run"),
                "XDG_DATA_HOME": str(self.data),
                **self.environment,
            },
        )
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(PASSWORD.encode())
        self._daemon.stdin.close()
        self._wait(self._unlocked)

    def stop(self) -> None:
        """Take it away; its files stay."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def again(self) -> None:
        """Take it away and start it: nothing but what lies on the disk is left, unlocked."""
        self.stop()
        self.start()

    def clear(self) -> None:
        """Remove all items, whatever became of it."""
        if self._daemon is None or not self._unlocked():
            self.again()
        with self._default() as collection:
            for item in list(collection.get_all_items()):
                item.delete()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It is there and answers nothing."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemon.send_signal(signal.SIGCONT)

    def lock(self) -> None:
        with self._default() as collection:
            collection.lock()

    def labels(self) -> list[str]:
        with self._default() as collection:
            return [item.get_label() for item in collection.get_all_items()]

    def secrets(self) -> dict[str, bytes]:
        """What it holds, by the ids of keys."""
        with self._default() as collection:
            items = list(collection.get_all_items())
            return {item.get_attributes()["key"]: item.get_secret() for item in items}

    def plant(self, key: str, secret: bytes) -> None:
        """Add an item of a key, whatever there is."""
        attributes = {"application": "shredder", "key": key}
        with self._default() as collection:
            collection.create_item("planted", attributes, secret)

    @contextmanager
    def _default(self) -> Iterator[secretstorage.Collection]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            bus = secretstorage.dbus_init()
        with closing(bus):
            yield secretstorage.get_collection_by_alias(bus, "default")

    def _unlocked(self) -> bool:
        with self._default() as collection:
            return not collection.is_locked()

    def _wait(self, ready: Callable[[], bool]) -> None:
        for _ in range(1000):
            try:
                if ready():
                    return
            except (secretstorage.SecretStorageException, OSError):
                pass
            time.sleep(0.01)
        raise TimeoutError("gnome-keyring does not answer")
