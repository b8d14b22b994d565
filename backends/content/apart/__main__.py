"""The reading process: ``python -m backends.content.apart``, talked to through pipes."""

from __future__ import annotations

import importlib
import json
import os
import resource
import struct
import sys
from typing import BinaryIO

from backends.content import Stop
from backends.content._placed import Placed
from backends.content.apart import _found

_SECONDS = 60  # of computing without saying anything
_MESSAGE = 1 << 20  # bytes of what the parent says, but for what was asked for


def main() -> None:
    """Read documents for as long as there are any."""
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # libraries that print would spoil the messages  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # memory holds records
    while message := _found.receive(asked, _MESSAGE):
        request = json.loads(message[1])
        reason = _read(asked, answers, **request)
        _found.send(answers, _found.END, reason.encode())


def _read(
    asked: BinaryIO,
    answers: BinaryIO,
    reader: str,
    size: int,
    memory: int,
    settings: dict[str, int],
) -> str:
    """Read one document; return the reason why not all of it was."""
    document = _Document(asked, answers, size)
    try:
        module, _, function = reader.partition(":")
        read = getattr(importlib.import_module(module), function)
        pages = int(open("/proc/self/statm", encoding="ascii").read().split()[0])  # noqa: PTH123, SIM115
        room = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        _more_time()
        for found in read(document, **settings):
            for piece in _found.pieces(found):
                _found.send(answers, *_found.pack(piece))
            _more_time()
    except Stop as stop:
        return stop.reason
    except (MemoryError, RecursionError, OverflowError):
        return "bomb-limit"
    except ImportError:
        return "opener-not-installed"
    except Exception:  # noqa: BLE001 - each library has its own
        return "damaged-container"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    return ""


def _more_time() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + _SECONDS, resource.RLIM_INFINITY))


class _Document(Placed):
    """The document, whose bytes are asked for."""

    def __init__(self, asked: BinaryIO, answers: BinaryIO, size: int) -> None:
        super().__init__(size)
        self._asked, self._answers = asked, answers

    def size(self) -> int:
        """Return how many bytes there are."""
        return self._size

    def bytes_at(self, place: int, size: int) -> bytes:
        _found.send(self._answers, _found.WANTED, struct.pack("<QQ", place, size))
        message = _found.receive(self._asked, size)
        if message is None:
            sys.exit(1)  # nobody waits for what would be found
        return message[1]

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes; memory is taken for no more than there is."""
        left = max(0, self._size - self._place)
        wanted = left if size is None or size < 0 else min(size, left)
        data = bytearray(wanted)
        return bytes(data[: self.readinto(memoryview(data))]) if wanted else b""


if __name__ == "__main__":
    main()
