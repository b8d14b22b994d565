"""Names, passages and short numbers: both routes find the same, and what a slow search finds."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shredder.fingerprint import Role
from shredder.fingerprint.catalogue import Catalogue, read
from shredder.fingerprint.keys import derive
from shredder.fingerprint.phrases import Phrases, PlainRoute, Route
from shredder.fingerprint.phrases_fast import CompiledRoute
from shredder.fingerprint.siphash import siphash24
from shredder.fingerprint.words import PASSAGE, words_of
from tests.fingerprint.made import KEY, Table, enrolled

KEYS = derive(KEY)
TEXTS = [
    "we never had a window in the old office and nobody asked",
    "Ich wünschte, die Straßenbahn führe öfter: »viel öfter« als heute Morgen",
    "it cost me 40 minutes and all of my patience last week",
]
NAMES = [("Ada", "Lovelace"), ("Zoë", "Müller"), ("João", "d'Ávila Souza")]
NUMBERS = ["48211", "900017", "00731"]
ROLES = {
    "number": Role.PRIVATE,
    "first_name": Role.PERSON,
    "last_name": Role.PERSON,
    "comment": Role.PRIVATE,
}
TABLE = Table(
    ("number", "first_name", "last_name", "comment"),
    [(n, *name, text) for n, name, text in zip(NUMBERS, NAMES, TEXTS, strict=True)],
)
PIECES = [
    *(word for text in (*TEXTS, *(" ".join(name) for name in NAMES)) for word in text.split()),
    *NUMBERS, "foreign", "words", "x" * 70, ",", "\n", "’", "\u00a0", "“", "_", "e\u0301", "\ufffd",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("catalogue") / "fingerprint"
    enrolled(path, TABLE, ROLES)
    return read(path, KEYS.seal)[0]


def through(found: Catalogue, route: Route) -> Phrases:
    phrases = Phrases(found, KEYS)
    phrases._route = route
    return phrases


blocks = st.lists(
    st.tuples(st.lists(st.sampled_from(PIECES), max_size=20), st.sampled_from(["", " ", "\t"])),
    max_size=6,
).map(lambda windows: [joint.join(pieces).encode() for pieces, joint in windows])


@given(blocks)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_routes_find_the_same(found: Catalogue, windows: list[bytes]) -> None:
    block, stops = b"".join(windows), np.cumsum([len(w) for w in windows], dtype=np.int64)
    plain = through(found, PlainRoute(found, KEYS)).find(block, stops)
    fast = through(found, CompiledRoute(found, KEYS)).find(block, stops)
    for kind in ("names", "passages", "numbers"):
        one, other = getattr(plain, kind), getattr(fast, kind)
        for part in ("windows", "ends", "rows"):
            assert getattr(one, part).tolist() == getattr(other, part).tolist(), (kind, part)


@given(st.binary(max_size=300))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_routes_find_the_same_words_in_noise(found: Catalogue, block: bytes) -> None:
    stops = np.array([len(block) // 2, len(block)], np.int64)
    plain, fast = (route(found, KEYS).words(block, stops) for route in (PlainRoute, CompiledRoute))
    for part in ("starts", "lengths", "windows", "high"):
        assert getattr(plain, part).tolist() == getattr(fast, part).tolist(), part
    low = ~plain.high
    assert plain.hashes[low].tolist() == fast.hashes[low].tolist()


@given(blocks)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_it_finds_the_passages_that_a_slow_search_finds(
    found: Catalogue, windows: list[bytes]
) -> None:
    known = {
        tuple(words[at : at + PASSAGE])
        for words in map(words_of, TEXTS)
        for at in range(len(words) - PASSAGE + 1)
    }
    expected = []
    for number, window in enumerate(windows):
        words = words_of(window.decode())
        runs = (tuple(words[at : at + PASSAGE]) for at in range(len(words) - PASSAGE + 1))
        expected += [number for run in runs if run in known]
    stops = np.cumsum([len(w) for w in windows], dtype=np.int64)
    hits = Phrases(found, KEYS).find(b"".join(windows), stops).passages
    assert hits.windows.tolist() == expected


@pytest.mark.parametrize(
    "said",
    [
        "Ada Lovelace", "LOVELACE, ADA", "ada.lovelace", '"first_name": "Ada", "last_name": "Lovelace"',
        "<first_name>Ada</first_name><last_name>Lovelace</last_name>", "Zoë Müller", "zoe muller",
        unicodedata.normalize("NFD", "Müller, Zoë"), "ZOË\u00a0MÜLLER", "João d’Ávila Souza",
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_written(found: Catalogue, said: str) -> None:
    for text in (said.encode(), said.encode("cp1252", "replace")):
        if b"?" not in text:
            stops = np.array([len(text)], np.int64)
            assert Phrases(found, KEYS).find(text, stops).names.rows.size, text


@pytest.mark.parametrize("said", ["Ada", "Ada Müller", "Adalovelace", "Ada a b c d e f Lovelace"])
def test_other_names_are_not_found(found: Catalogue, said: str) -> None:
    text = said.encode()
    assert not Phrases(found, KEYS).find(text, np.array([len(text)])).names.rows.size


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda t: t.replace(" ", " \r\n ")])
def test_a_text_is_found_however_it_is_written(
    found: Catalogue, form: Literal["NFC", "NFD"], change: Callable[[str], str]
) -> None:
    for n, text in enumerate(TEXTS):
        said = unicodedata.normalize(form, change(text)).encode()
        hits = Phrases(found, KEYS).find(said, np.array([len(said)])).passages
        records = found.passages.records[hits.rows]
        assert records.tolist() == [n] * (len(words_of(text)) - PASSAGE + 1)


def test_a_text_in_a_western_encoding_is_found(found: Catalogue) -> None:
    said = TEXTS[1].encode("cp1252")
    assert Phrases(found, KEYS).find(said, np.array([len(said)])).passages.rows.size


def test_nothing_spans_two_windows(found: Catalogue) -> None:
    words = TEXTS[0].split()
    for cut in range(1, len(words)):
        first = " ".join(words[:cut]).encode() + b" "
        block = first + " ".join(words[cut:]).encode()
        hits = Phrases(found, KEYS).find(block, np.array([len(first), len(block)])).passages
        expected = max(0, cut - PASSAGE + 1) + max(0, len(words) - cut - PASSAGE + 1)
        assert hits.windows.size == expected


def test_the_catalogue_holds_no_word_and_no_hash_of_one(found: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "fingerprint"
    enrolled(path, TABLE, ROLES)
    raw = path.read_bytes().lower()
    for word in {word for text in TEXTS for word in words_of(text) if len(word) > 4}:
        assert word not in raw
        assert siphash24(KEYS.words, word).to_bytes(8, "little") not in path.read_bytes()
    for number in NUMBERS:
        assert number.encode() not in raw
    assert found.passages.hashes.size == sum(len(words_of(t)) - PASSAGE + 1 for t in TEXTS)
