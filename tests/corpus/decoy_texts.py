"""Decoys that are no tables: logs, dictionaries, the questionnaire, code, noise."""

from __future__ import annotations

import random
import sysconfig
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tests.corpus import people, words
from tests.corpus.dataset import Dataset


def log_of_identifiers(rng: random.Random, dataset: Dataset) -> str:
    return "".join(
        f"2018-05-0{n % 9 + 1}T10:00:{n % 60:02}Z GET /items/{uuid.UUID(int=rng.getrandbits(128), version=4)} "
        f"{rng.choice((200, 404))} {rng.randrange(10**5, 10**6)} bytes\n"
        for n in range(rng.choice((10, 500)))
    )


def dictionary(rng: random.Random, dataset: Dataset) -> str:
    """All the words and names there are, one a line."""
    every = {
        *words.FIRST,
        *words.LAST,
        *words.NOUNS,
        *words.VERBS,
        *words.ADJECTIVES,
        *words.CITIES,
    }
    return "\n".join(sorted(every | set(words.ETHNICITIES) | set(words.LAST_ABROAD))) + "\n"


def names_by_names(rng: random.Random, dataset: Dataset) -> str:
    """Every common first name with every common last name: all namesakes."""
    return "".join(f"{f} {n}\n" for f in words.FIRST[:30] for n in words.LAST[:30])


def questionnaire(rng: random.Random, dataset: Dataset) -> str:
    """What was asked, with the names of the columns and the answers to choose from."""
    columns = [f"{c.name}: {c.kind.value}" for c in dataset.table.columns]
    choices = [f"[ ] {word}" for word in (*words.ETHNICITIES, *words.BOILERPLATE)]
    return "\n".join([*words.QUESTIONS, *choices, *columns, ""]) * rng.choice((1, 5))


def other_texts(rng: random.Random, dataset: Dataset) -> str:
    """Free text of others, in the same words and set phrases."""
    return "\n".join(people.answer(rng, abroad=dataset.abroad) for _ in range(rng.choice((5, 200))))


def statistics(rng: random.Random, dataset: Dataset) -> str:
    """Sums over the dataset: incomes and groups with how often they come."""
    lines = []
    for kind, values in dataset.frequency.items():
        if kind.value in {"income", "ethnicity", "rating"}:
            lines += [
                f"{kind.value};{value};{share:.3f}" for value, share in sorted(values.items())
            ]
    return "\n".join(lines) + "\n"


@cache
def _modules() -> list[Path]:
    library = Path(sysconfig.get_paths()["stdlib"])
    return sorted(path for path in library.glob("*.py") if 2000 < path.stat().st_size < 60_000)


def source_code(rng: random.Random, dataset: Dataset) -> bytes:
    return rng.choice(_modules()).read_bytes()


def empty(rng: random.Random, dataset: Dataset) -> bytes:
    return rng.choice((b"", b"\n", b"\0" * 4096, b"\xef\xbb\xbf"))


def noise(rng: random.Random, dataset: Dataset) -> bytes:
    return rng.randbytes(rng.choice((10, 1000, 100_000)))


def noise_after_a_magic(rng: random.Random, dataset: Dataset) -> bytes:
    """Files that begin as something and are not."""
    magics = (
        b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"PAR1", b"SQLite format 3\0", b"Obj\x01", b"%PDF-1.7\n",
        b"ARROW1\0\0", b"ORC", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\0", b"BZh9", b"\x28\xb5\x2f\xfd",
        b"\x80\x04\x95", b"b0VIM 9.0", b"PGDMP", b"From a@b.de Mon\n",
    )  # fmt: skip
    return rng.choice(magics) + rng.randbytes(rng.choice((0, 30, 5000)))


TEXTS: Mapping[str, Callable[[random.Random, Dataset], str | bytes]] = {
    "log-of-identifiers": log_of_identifiers,
    "dictionary": dictionary,
    "names-by-names": names_by_names,
    "questionnaire": questionnaire,
    "other-texts": other_texts,
    "statistics": statistics,
    "source-code": source_code,
    "empty": empty,
    "noise": noise,
    "noise-after-a-magic": noise_after_a_magic,
}
