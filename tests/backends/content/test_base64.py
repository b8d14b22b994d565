"""Base64 within other text: what it says is found, wherever it is cut, and nothing else is."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.content import Bounds, Limits, Reading, examine_stream
from backends.content._base64 import Encoded
from backends.content._lines import ENCODED_BEGINS
from backends.contract import Verdict
from tests.backends.content.wrapping import (
    FOREIGN,
    HEADER,
    IDS,
    MATCHER,
    RECORDS,
    TEXT,
    Dribble,
    record,
    tarred,
    zipped,
)

LOG = b"2018-05-04T12:01:11Z INFO web request served in 12 ms, nothing else to say\n"


def looked_at(data: bytes, step: int = 1 << 20, limits: Limits | None = None) -> Reading:
    return examine_stream(Dribble(data, step), MATCHER, limits=limits)


def wrapped(data: bytes, width: int = 76, end: bytes = b"\n") -> bytes:
    packed = base64.b64encode(data)
    return end.join(packed[at : at + width] for at in range(0, len(packed), width))


def in_json(data: bytes) -> bytes:
    return json.dumps({"name": "export.csv", "content": base64.b64encode(data).decode()}).encode()


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "a field": lambda data: b'a,"' + base64.b64encode(data) + b'",b\n',
    "the last field": lambda data: b"a,b," + base64.b64encode(data) + b"\nother9,c,d\n",
    "a line": lambda data: base64.b64encode(data) + b"\nThe next line\n",
    "json": in_json,
    "lines in json": lambda data: json.dumps({"c": wrapped(data, 64).decode()}).encode(),
    "windows lines in json": lambda data: json.dumps(
        {"c": wrapped(data, 76, b"\r\n").decode()}
    ).encode(),
    "a data uri": lambda data: b"<a href='data:text/csv;base64," + base64.b64encode(data) + b"'>",
    "a url": lambda data: b"GET /x?state=" + base64.urlsafe_b64encode(data).rstrip(b"=") + b"&a=1",
    "glued": lambda data: b"files/export-" + base64.b64encode(data) + b" 12\n",
    "glued to a letter": lambda data: b"x" + base64.b64encode(data) + b"\n",
    "mime lines": lambda data: b"Content: x\n\n" + wrapped(data) + b"\n\nend of it\n",
    "indented lines": lambda data: b"body: |\n    " + wrapped(data, 64, b"\n    ") + b"\nnext: 1\n",
    "twice": lambda data: b"a: " + base64.b64encode(b"b: " + base64.b64encode(data)) + b"\n",
    "utf-16": lambda data: (
        b"powershell -enc " + base64.b64encode(data.decode().encode("utf-16-le")) + b"\n"
    ),
    "gzip": lambda data: b"payload=" + base64.b64encode(gzip.compress(data)) + b";\n",
    "zip": lambda data: in_json(zipped(a=data)),
    "tar": lambda data: in_json(tarred(**{"a.dat": data})),
}


@pytest.mark.parametrize("step", [1000, 1 << 20])
@pytest.mark.parametrize("place", PLACES)
def test_records_in_base64_are_found(place: str, step: int) -> None:
    found = looked_at(LOG * 20 + PLACES[place](TEXT) + b"\n" + LOG * 20, step)
    assert found.evidence.verdict is Verdict.COPY
    assert found.evidence.records == len(IDS)
    assert found.foreign_records is None  # nobody takes a record out of base64
    assert "base64" in found.layers
    assert found.reason == ""


@pytest.mark.parametrize("place", PLACES)
def test_one_record_in_base64_is_found_in_a_long_text(place: str) -> None:
    found = looked_at(LOG * 30_000 + PLACES[place](record(7) * 2) + b"\n" + LOG * 30_000)
    assert (found.evidence.verdict, found.evidence.records) == (Verdict.COPY, 1)


@pytest.mark.parametrize("value", [IDS[3] + " is it", "respondent=" + IDS[4] + "&page=2"])
def test_a_short_value_is_found(value: str) -> None:
    found = looked_at(LOG + b"GET /?s=" + base64.b64encode(value.encode()) + b" 200\n" + LOG)
    assert found.evidence.records == 1


@pytest.mark.parametrize("width", [None, 64, 76])
def test_a_record_across_blocks_is_found(width: int | None) -> None:
    """A block of text ends within the record, wherever in it."""
    said = (FOREIGN * 40_000)[: 3 << 19]
    for shift in range(0, 60, 7):
        data = said[: (3 << 18) - 100 + shift] + b"\n" + record(5) + said
        packed = wrapped(data, width) if width else base64.b64encode(data)
        found = looked_at(b"content: " + packed + b"\nend: 1\n")
        assert found.evidence.records == 1, shift


def test_a_record_is_counted_once_and_the_others_are_none_of_the_records() -> None:
    body = (FOREIGN * 3 + record(1)) * 20_000
    found = looked_at(LOG * 3 + b"content: " + wrapped(body) + b"\n" + LOG * 2)
    assert found.evidence.records == 1
    assert found.evidence.matched == 20_000
    # What is left are the text's own lines.
    lines = wrapped(body).count(b"\n") + 1
    assert found.evidence.foreign == 5 + lines


def test_what_is_no_base64_of_a_text_cries_no_wolf() -> None:
    chance = random.Random(5)
    lines = [
        hashlib.sha256(IDS[3].encode()).hexdigest().encode(),
        base64.b64encode(hashlib.sha256(IDS[3].encode()).digest()),
        base64.b64encode(chance.randbytes(3000)),
        b"/usr/share/getElementsByClassName/Donaudampfschifffahrtsgesellschaft",
        base64.b64encode(b"\xff\xd8\xff\xe0" + chance.randbytes(5000)),
        base64.b64encode(FOREIGN * 50),
        base64.b64encode(b"\x80\x02" + chance.randbytes(900)),  # as a pickle begins
        base64.b64encode(b"\x5d\x00\x00" + chance.randbytes(900)),  # as lzma does
    ]
    text = b"\n".join([LOG.strip(), *lines] * 50) + b"\n"
    found = looked_at(text)
    assert found.evidence.verdict is None
    assert found.evidence.foreign == text.count(b"\n")
    assert found.reason == ""
    assert found.layers == ()


def test_people_in_base64_are_people_only() -> None:
    mails = b"".join(b"person%d@example.org\n" % number for number in range(5))
    found = looked_at(LOG + b"list: " + base64.b64encode(mails) + b"\n")
    assert found.evidence.verdict is not Verdict.COPY
    assert found.evidence.records == 0
    assert found.foreign_records is None


def test_a_damaged_container_in_base64_is_a_gap() -> None:
    packed = gzip.compress(TEXT)
    found = looked_at(b"payload=" + base64.b64encode(packed[:-40]) + b";\n")
    assert found.reason == "damaged-container"
    assert found.evidence.records > 0


def test_a_container_too_large_to_be_held_is_a_gap() -> None:
    noise = random.Random(1).randbytes(3 << 20)
    packed = base64.b64encode(gzip.compress(noise))
    found = looked_at(b"payload=" + packed + b";\n", limits=Limits(memory=1 << 20))
    assert found.reason == "too-large-to-open"


def test_base64_within_base64_has_a_limit() -> None:
    data = TEXT
    for _ in range(12):
        data = b"x: " + base64.b64encode(data)
    found = looked_at(data)
    assert found.reason == "bomb-limit"


@pytest.mark.parametrize(
    ("width", "end"), [(1023, b"\r\n"), (203, b"\\n"), (201, b"\\r\\n"), (75, b"\\r\\n")]
)
def test_a_line_may_end_where_the_look_at_a_beginning_does(width: int, end: bytes) -> None:
    found = looked_at(b"x: " + wrapped(HEADER + RECORDS, width, end) + b"\n")
    assert (found.evidence.records, found.reason) == (len(IDS), "")


def test_the_text_round_it_is_seen_as_before() -> None:
    found = looked_at(HEADER + RECORDS + b"x,y," + base64.b64encode(FOREIGN) + b"\n")
    assert found.evidence.records == len(IDS)
    assert found.foreign_records == 1


def _of_text(width: int | None, end: bytes, text: str) -> bytes:
    said = text.encode()
    return wrapped(said, width, end) if width else base64.urlsafe_b64encode(said).rstrip(b"=")


_TEXTS = st.text("ab ,\n\u00e4\u4e2d0", min_size=9, max_size=90)
_ENDS = st.sampled_from([b"\n", b"\r\n", b"\\n", b"\\r\\n", b"\r", b"\n\t ", b"\\r"])
_PIECES = st.one_of(
    st.builds(_of_text, st.sampled_from([None, 36, 40, 76]), _ENDS, _TEXTS),
    st.builds(lambda text, by: base64.b64encode(text.encode() * by), _TEXTS, st.integers(1, 60)),
    st.builds(lambda text: base64.b64encode(text.encode("utf-16")), _TEXTS),
    st.builds(lambda text: base64.b64encode(text.encode("cp1252", "replace")), _TEXTS),
    st.builds(lambda data: base64.b64encode(b"plain words " + data), st.binary(max_size=12)),
    st.builds(base64.b64encode, st.binary(max_size=90)),
    st.integers(10, 50).map(lambda size: b"QUJD" * size),
    st.sampled_from([*ENCODED_BEGINS, b"x", b"/", b"-", b"=", b"==", b" ", b'"', b"\t", b"\xff"]),
    _ENDS,
)


def _told(text: bytes, cut: int, *, last: bool, fast: bool) -> list[tuple[bool, bytes]]:
    encoded = Encoded(Bounds(Limits()), fast=fast)
    said: list[tuple[bool, bytes]] = []
    for block, ends in ((text[:cut], False), (text[cut:], last)):
        for packed, one in encoded.take(block, last=ends):
            if said and not packed and not said[-1][0]:
                said[-1] = False, said[-1][1] + b"\n" + one  # as texts are put together
            else:
                said.append((packed, one))
    return said


@settings(deadline=None)  # the first one loads all openers
@given(pieces=st.lists(_PIECES, max_size=12), cut=st.integers(0, 2000), last=st.booleans())
def test_compiled_code_tells_the_same(pieces: list[bytes], cut: int, *, last: bool) -> None:
    text = b"".join(pieces)
    assert _told(text, cut, last=last, fast=True) == _told(text, cut, last=last, fast=False)


@pytest.mark.parametrize(
    "run",
    [
        base64.b64encode(b"%PDF-1.4 in plain words"),
        base64.b64encode(b"\xff\xfewords that are in UTF-16, as they say"),
        base64.urlsafe_b64encode(b"plain words and???>>>"),
        b"xyz" + base64.b64encode(b"too short") + b"Q",
        wrapped(b"words that go on in the next line, and even more of them"),
        base64.b64encode(b"one in five: " + b"\xe4bcde" * 9),
    ],
)
def test_compiled_code_tells_the_same_of_what_is_rare(run: bytes) -> None:
    text = b"x: " + run + b" and\n"
    assert _told(text, 0, last=True, fast=True) == _told(text, 0, last=True, fast=False)


def test_compiled_code_leaves_little_to_the_other() -> None:
    """Of tokens, and of one text in a line, nothing."""
    text = b"".join(
        b"GET /x?token=" + base64.urlsafe_b64encode(b"a text of number %d" % n) + b" 200\n"
        for n in range(100)
    )
    told = list(Encoded(Bounds(Limits())).take(text, last=True))
    assert [(False, b"\n".join(b"a text of number %d" % n for n in range(100)))] == told
