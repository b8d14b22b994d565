"""How fast single values are sealed and opened, beside AES-256-GCM alone in the same run.

    python bench/values.py --values 200000 --rounds 5

The peer encrypts the same values by `cryptography` under one key and random nonces of 96 bits,
bound to their cell by associated data: the least that sealing by hand takes. Ours derives a key for
each nonce, and for each record another one, down the key tree; a row has three values here. The
median of the rounds counts.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import time
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backends.sealedvalue import Cell, KeyTree, Values

_NONCE = 12


def rate(act: Callable[[], object], values: int, rounds: int) -> float:
    """Values a second."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return values / statistics.median(taken)


def by_hand(cipher: AESGCM, mails: Sequence[str], cells: Sequence[Cell]) -> list[bytes]:
    sealed = []
    for mail, cell in zip(mails, cells, strict=True):
        nonce = secrets.token_bytes(_NONCE)
        bound = f"{cell.table}\0{cell.column}\0{cell.row}".encode()
        sealed.append(nonce + cipher.encrypt(nonce, mail.encode(), bound))
    return sealed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--values", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    mails = [f"member{n:07}@dataset.example" for n in range(given.values)]
    columns = ("email", "name", "note")
    cells = [Cell("answers", columns[n % 3], str(n // 3)) for n in range(given.values)]
    cipher = AESGCM(secrets.token_bytes(32))
    with Values(secrets.token_bytes(32), KeyTree.made()) as values:
        pairs = list(zip(mails, cells, strict=True))
        sealed = [values.seal(mail, cell) for mail, cell in pairs]
        ways: dict[str, Callable[[], object]] = {
            "AES-256-GCM alone": lambda: by_hand(cipher, mails, cells),
            "sealing": lambda: [values.seal(mail, cell) for mail, cell in pairs],
            "opening": lambda: [
                values.open(each, cell) for each, cell in zip(sealed, cells, strict=True)
            ],
            "sealing under a record": lambda: [
                values.seal(mail, cell, record=cell.row) for mail, cell in pairs
            ],
        }
        rates = {what: rate(act, given.values, given.rounds) for what, act in ways.items()}
    peer = rates["AES-256-GCM alone"]
    for what, found in rates.items():
        print(f"{what}: {found:,.0f} values/s, {found / peer:.2f} of AES-256-GCM alone")


if __name__ == "__main__":
    main()
