r"""Records written with escapes: planted, and found."""

from __future__ import annotations

import html
import json
import os
import quopri
import urllib.parse

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import RecordClass, Verdict
from shredder.fingerprint import FingerprintMatcher, Role
from shredder.fingerprint.engine import ROUTE
from shredder.fingerprint.escapes import joined, unescaped
from tests.fingerprint.made import Table, enrolled

ID = "resp-7f3a00c2-x"
EMAIL = "ada@example.org"
NAME = "größe-12345"
NUMBER = "1234567890"
TABLE = Table(
    ("id", "email", "name", "number"),
    [(ID, EMAIL, NAME, NUMBER)],
)
ROLES = {"id": Role.PRIVATE, "email": Role.PERSON, "name": Role.PRIVATE, "number": Role.PRIVATE}


@pytest.fixture(scope="module", params=["numpy", "numba"])
def matcher(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> FingerprintMatcher:
    os.environ[ROUTE] = request.param
    try:
        matcher = enrolled(tmp_path_factory.mktemp("escapes") / "fingerprint", TABLE, ROLES)
        matcher.scan()
    finally:
        del os.environ[ROUTE]
    return matcher


def classes(matcher: FingerprintMatcher, *windows: bytes) -> list[int]:
    scan = matcher.scan()
    ends = np.cumsum([len(window) for window in windows]).tolist()
    found = scan.feed(b"".join(windows), ends)
    evidence = scan.evidence()
    assert evidence.windows == len(windows)
    assert evidence.records <= 1
    return list(found)


def uni(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


RECORDS = {
    "json, every character": uni(ID),
    "json, upper case": uni(ID).replace("\\u00", "\\U000000"),
    "javascript": "".join(f"\\u{{{ord(c):x}}}" for c in ID),
    "c": "".join(f"\\x{ord(c):02X}" for c in ID),
    "octal": "".join(f"\\{ord(c):03o}" for c in ID),
    "json of a non-ASCII value": json.dumps(NAME),
    "json in json": json.dumps(json.dumps({"id": NAME})),
    "a line break before it": f'"answer\\n{ID}"',
    "a tab before it": f"E'\\t{ID}'",
    "copy": f"1\\t{ID}\\n",
    "url": urllib.parse.quote(NAME, safe=""),
    "url, every character": "".join(f"%{ord(c):02x}" for c in ID),
    "url, twice": urllib.parse.quote(urllib.parse.quote(NAME)),
    "url, beside a comma": f"ids=x%2C{ID}%2Cy",
    "url, spaces": f"q=so+{ID}+there%21",
    "html": html.escape(NAME).replace("ö", "&ouml;"),
    "xml": "".join(f"&#{ord(c)};" for c in ID),
    "xml, hexadecimal": "".join(f"&#x{ord(c):X};" for c in ID),
    "html, twice": "".join(f"&amp;#{ord(c)};" for c in ID),
    "html, a space that does not break": f"a&nbsp;{ID}&nbsp;b",
    "quoted-printable": quopri.encodestring(NAME.encode()).decode(),
    "quoted-printable of ASCII": ID.replace("-", "=2D"),
    "soft hyphen": ID[:7] + "\u00ad" + ID[7:],
    "zero-width space": ID[:7] + "\u200b" + ID[7:],
    "joiners": "\u200c".join(ID[:5]) + "\u200d\u2060" + ID[5:],
    "a mark in the middle": ID[:3] + "\ufeff" + ID[3:],
    "commas": "1,234,567,890",
    "commas in quoted CSV": '"x","1,234,567,890",2',
    "spaces": "sum: 1 234 567 890 in all",
    "points": "1.234.567.890",
    "apostrophes": "1'234'567'890",
    "no-break spaces": "1\u00a0234\u00a0567\u00a0890",
    "narrow no-break spaces": "1\u202f234\u202f567\u202f890",
}


@pytest.mark.parametrize("form", RECORDS)
def test_an_escaped_record_is_found(matcher: FingerprintMatcher, form: str) -> None:
    window = f"before {RECORDS[form]} after\n".encode()
    assert classes(matcher, b"nothing here\n", window, b"\n") == [
        RecordClass.FOREIGN,
        RecordClass.RECORD,
        RecordClass.BLANK,
    ]


PERSONS = {
    "json": "ada\\u0040example.org",
    "url": "u=ada%40example.org&v=1",
    "html": "<a href='mailto&#58;ada&#64;example.org'>",
    "commercial at": "ada&commat;example.org",
    "quoted-printable": "To: ada=40example.org",
}


@pytest.mark.parametrize("form", PERSONS)
def test_an_escaped_address_is_found(matcher: FingerprintMatcher, form: str) -> None:
    assert classes(matcher, PERSONS[form].encode()) == [RecordClass.PERSON]


def test_a_soft_line_break_does_not_part(matcher: FingerprintMatcher) -> None:
    first, second, third = f"from {ID[:4]}=\n", f"{ID[4:9]}=\n", f"{ID[9:]} and more\n"
    assert classes(matcher, *(w.encode() for w in ("x\n", first, second, third)))[1] == 1
    crlf = classes(matcher, first.replace("\n", "\r\n").encode(), ID[4:].encode())
    assert crlf[0] == RecordClass.RECORD


def test_the_text_itself_is_still_looked_at(matcher: FingerprintMatcher) -> None:
    """What looks like an escape and is none."""
    assert classes(matcher, b"100%ada@example.org") == [RecordClass.PERSON]
    assert classes(matcher, f"C:\\new%20\\{ID}\\n".encode()) == [RecordClass.RECORD]


def test_a_value_in_both_forms_is_one_record(matcher: FingerprintMatcher) -> None:
    scan = matcher.scan()
    window = f"{ID} %41 {uni(ID)}".encode()
    assert scan.feed(window, [len(window)]) == bytes([RecordClass.RECORD])
    evidence = scan.evidence()
    assert (evidence.matched, evidence.records, evidence.verdict) == (1, 1, Verdict.COPY)


def test_foreign_numbers_in_groups_are_foreign(matcher: FingerprintMatcher) -> None:
    for text in (
        "234,567,890",
        "91,234,567,890",
        "1,234,567,8901",
        "1,234.567,890",
        "1.5,234,567,890",
    ):
        assert classes(matcher, text.encode()) == [RecordClass.FOREIGN]


PIECES = st.one_of(
    st.sampled_from(
        [uni(ID), urllib.parse.quote(NAME), "=\n", "&amp;", "\\", "%", "&#", "=40", "\n"]
    ),
    st.text(max_size=5),
)


@given(st.lists(st.lists(PIECES).map("".join), max_size=6))
def test_windows_stay_in_their_places(windows: list[str]) -> None:
    """Each keeps its own text, in front; what is behind it is its own, and undone."""
    texts = [window.encode() for window in windows]
    ends = np.cumsum([len(text) for text in texts]).astype(np.int64)
    every = b"".join(texts)
    block, moved = joined(every, ends, unescaped(every, ends, numbers=True))
    assert moved.size == ends.size
    starts = [0, *moved.tolist()]
    for text, start, end in zip(texts, starts, moved, strict=False):
        assert block.startswith(text, start)
        assert end - start == len(text) or block[start + len(text) : end].startswith(b"\n\0\n")
    assert len(block) == (moved[-1] if moved.size else 0)


def test_a_fields_value_is_not_taken_for_quoted() -> None:
    """``=25`` stands for ``%`` in quoted-printable, and for itself in the query of a URL."""
    window = b"GET /?income=25%2C000.00&of=ada%40example.org\n"
    ((_, forms),) = unescaped(window, np.array([len(window)]), numbers=True)
    assert b"income=25,000.00&of=ada@example.org" in forms


def test_where_nothing_is_escaped_there_are_no_other_forms() -> None:
    block = b"plain;1,2,3 a=b&c=d 50% \\ \\\\ x=47 12,345\n" * 100
    ends = np.arange(1, 101) * (len(block) // 100)
    assert not unescaped(block, ends, numbers=True)
