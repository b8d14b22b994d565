"""What is left of a key in the memory of a process that is over with it: looked for from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from backends.agefile import identity_text
from shredder.keystores.file import FileKeyStore
from tests.keystores.suite import created
from tests.structure.tree import ROOT

# It is in the middle of using the key when it waits first, and over with it when it waits again.
CHILD = """
import io, sys
from pathlib import Path
from backends.agefile import decrypted, encrypted
from shredder.keystores.file import FileKeyStore
slots, records, key, passphrase, work = sys.argv[1:]
store = FileKeyStore(
    Path(slots), Path(records), passphrase=passphrase.encode() or None, best_effort=True
)
def wait():
    print("waits", flush=True)
    sys.stdin.readline()
if work == "use":
    sealed = b"".join(encrypted(io.BytesIO(b"a record"), bytes.fromhex(store.record(key).public)))
    with store.using(key) as given:
        file = io.BufferedReader(io.BytesIO(sealed))
        assert b"".join(decrypted(file, [given])) == b"a record"
        wait()
else:
    assert store.inspect(key) == ()
wait()
"""


def in_memory(pid: int, key: bytes) -> int:
    """How often a key is in what a process may write to, in the spellings that it has here."""
    spellings = (key, key[::-1], key.hex().encode(), identity_text(key).encode())
    found = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if "rw" not in rights or "[v" in line:
                continue
            first, last = (int(each, 16) for each in span.split("-"))
            memory.seek(first)
            data = bytearray()
            while len(data) < last - first and (more := memory.read(last - first - len(data))):
                data += more
            found += sum(data.count(spelling) for spelling in spellings)
    return found


@contextmanager
def waiting(*words: str | Path) -> Iterator[tuple[int, IO[str], IO[str]]]:
    """The child: its id, what it says, and what it is told."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert child.stdin
    assert child.stdout
    try:
        yield child.pid, child.stdout, child.stdin
        child.stdin.close()
        assert child.wait() == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_who_is_over_with_a_key_has_none(tmp_path: Path, passphrase: str) -> None:
    place = (tmp_path / "slots", tmp_path / "records")
    store = FileKeyStore(*place, passphrase=passphrase.encode() or None, best_effort=True)
    record = created(store)
    with store.using(record.id) as given:
        key = bytes(given)
    with waiting(*place, record.id, passphrase, "use") as (pid, said, told):
        assert said.readline() == "waits\n"
        assert in_memory(pid, key) >= 1, "what the test looks for is seen"
        told.write("\n")
        told.flush()
        assert said.readline() == "waits\n"
        assert in_memory(pid, key) == 0
    with waiting(*place, record.id, passphrase, "look") as (pid, said, _):
        assert said.readline() == "waits\n"
        assert in_memory(pid, key) == 0
