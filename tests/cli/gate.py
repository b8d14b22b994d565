"""A gate before a server's Unix socket, which shuts for good at a word that a client says."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class Gate:
    """Passes bytes between clients of `path` and the server at `behind`, until `word` is said.

    Then every connection is cut and nobody is let in any more: the server has vanished, at a
    moment that is the same each time.
    """

    def __init__(self, path: Path, behind: Path, word: bytes) -> None:
        self._behind, self._word = behind, word
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.shut = False
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen()
        self._threads = [threading.Thread(target=self._admit, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        for thread in self._threads:
            thread.join(10)

    def _admit(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._behind))
            with self._lock:
                self._open += [client, server]
                for pair in ((client, server, self._word), (server, client, b"")):
                    thread = threading.Thread(target=self._pass, args=pair, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, source: socket.socket, target: socket.socket, word: bytes) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                if word and word in block:
                    self._close()
                    return
                target.sendall(block)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        with self._lock:
            self.shut = True
            for each in (self._door, *self._open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
