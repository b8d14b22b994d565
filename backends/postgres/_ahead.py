"""Blocks that are produced by another thread while their consumer is at work."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator, Sized
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

_Block = TypeVar("_Block", bound=Sized | None)


class _Unwanted(Exception):
    """Nobody wants more."""


class _End:
    """No more comes, for this reason if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


@contextmanager
def ahead(blocks: Generator[_Block], most: int, name: str) -> Iterator[Iterator[_Block]]:
    """Lend the blocks of a generator, which another thread runs, up to `most` bytes ahead.

    A block's length is that in bytes, and None has none. One that is longer by itself comes all
    the same, when it is the only one that waits. What the generator raises is raised where the
    blocks are wanted. Where no more are wanted, it is closed, by its own thread; that has ended
    when the context has.
    """
    thread = _Thread(blocks, most, name)
    thread.start()
    try:
        yield iter(thread)
    finally:
        thread.stop()


class _Thread(threading.Thread, Generic[_Block]):
    def __init__(self, blocks: Generator[_Block], most: int, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._blocks: Generator[_Block] = blocks
        self._most = most
        self._waiting: deque[_Block | _End] = deque()
        self._held = 0  # bytes in them
        self._stopped = False
        self._moved = threading.Condition()

    def run(self) -> None:
        with suppress(_Unwanted):
            try:
                for block in self._blocks:
                    self._put(block)
            except _Unwanted:
                with suppress(Exception):  # what fails now concerns nobody
                    self._blocks.close()
                raise
            except Exception as error:  # noqa: BLE001 - raised where the blocks are wanted
                self._put(_End(error))
            else:
                self._put(_End())

    def _put(self, block: _Block | _End) -> None:
        size = _size(block)
        with self._moved:
            while not self._stopped and self._held and self._held + size > self._most:
                self._moved.wait()
            if self._stopped:
                raise _Unwanted
            self._waiting.append(block)
            self._held += size
            self._moved.notify()

    def __iter__(self) -> Iterator[_Block]:
        while True:
            with self._moved:
                while not self._waiting:
                    self._moved.wait()
                block = self._waiting.popleft()
                self._held -= _size(block)
                self._moved.notify()
            if not isinstance(block, _End):
                yield block
            elif block.error:
                raise block.error
            else:
                return

    def stop(self) -> None:
        """Want no more, and wait until it has noticed."""
        with self._moved:
            self._stopped = True
            self._waiting.clear()
            self._moved.notify()
        self.join()


def _size(block: Sized | _End | None) -> int:
    return 0 if block is None or isinstance(block, _End) else len(block)
