"""Text of any encoding is looked at as what it says."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.content import examine_stream
from backends.content._encoding import Narrow
from backends.reference import ReferenceMatcher
from tests.backends.content.wrapping import Dribble

WESTERN = ["Żółć", "Müller", "José", "naïve", "Øresund"]
TEXTS = {
    "cp1252": ("Müller ging über die Straße, José auch; déjà vu, señor, à bientôt, Öl", "jürgen-öl-2018"),
    "iso-8859-1": ("Ein schöner Tag für große Übungen, très élégant, mañana", "façade-für-7"),
    "cp1251": ("Завтра мы поедем в деревню, чтобы увидеть друзей и поговорить", "ответ-номер-7"),
    "koi8-r": ("Завтра мы поедем в деревню, чтобы увидеть друзей и поговорить", "ответ-номер-7"),
    "shift_jis": ("今日はとても天気がいいので、友達と公園に行きました。楽しかったです", "回答番号その七つ"),
    "euc_jp": ("今日はとても天気がいいので、友達と公園に行きました。楽しかったです", "回答番号その七つ"),
    "cp037": ("It was a long day, and nothing much came of it in the end; 12 + 7 = 19.", "résumé-2018-7"),
    "cp500": ("It was a long day, and nothing much came of it in the end; 12 + 7 = 19.", "résumé-2018-7"),
    "utf-16-le": ("今日は 2018-06-01、天気がいい line 17\r\n", "回答番号その七つ"),
    "utf-32-be": ("今日は 2018-06-01、天気がいい line 17\r\n", "回答番号その七つ"),
}  # fmt: skip


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("step", [5, 1 << 20])
def test_a_value_outside_of_ascii_is_found_in_every_encoding(encoding: str, step: int) -> None:
    line, value = TEXTS[encoding]
    text = "".join(f"{n};{line}\n" for n in range(60)) + f"61;{value};x\n" + f"62;{line}\n" * 60
    matcher = ReferenceMatcher([value], [])
    reading = examine_stream(Dribble(text.encode(encoding), step), matcher)
    assert (1, "") == (reading.evidence.records, reading.reason)


@pytest.mark.parametrize("newline", ["\n", "\x85"])
def test_lines_in_ebcdic_are_records(newline: str) -> None:
    line, value = TEXTS["cp037"]
    text = newline.join([line, value, line, line]) + newline
    reading = examine_stream(Dribble(text.encode("cp037"), 99), ReferenceMatcher([value], []))
    assert (1, 4) == (reading.evidence.records, reading.evidence.windows)


def test_a_table_in_ebcdic_is_known_by_its_tabs_too() -> None:
    rows = [f"resp{n:04}\t{n * 37}\t{n % 7}\n" for n in range(40)]
    reading = examine_stream(
        Dribble("".join(rows).encode("cp037"), 99), ReferenceMatcher(["resp0007"], [])
    )
    assert (1, 39) == (reading.evidence.records, reading.evidence.others)


FRENCH = "Être où ne tôt élève près étage août dégât âgé répond préfère leçon français déçu château"


@pytest.mark.parametrize("count", range(6, 15))
def test_of_encodings_that_fit_a_few_words_as_well_the_commonest_is_taken(count: int) -> None:
    value = "élève-été-leçon-7"
    line = f"1;{' '.join(FRENCH.split()[:count])};{value}\n"
    reading = examine_stream(Dribble(line.encode("cp1252"), 99), ReferenceMatcher([value], []))
    assert 1 == reading.evidence.records


def test_encodings_may_change_from_line_to_line() -> None:
    """Logs that several programs append to."""
    values = ["jürgen-öl-2018", "façade-für-7"]
    lines = [
        values[0].encode(),
        values[1].encode("cp1252"),
        b"plain",
        *["ça été".encode("cp1252")] * 9,
    ]
    reading = examine_stream(Dribble(b"\n".join(lines), 99), ReferenceMatcher(values, []))
    assert 2 == reading.evidence.records


_UTF8, _OTHER = "über, 3\n", "élan, 7\n"


@given(st.lists(st.sampled_from([b"12, 3\n", b"\n", _UTF8.encode(), _OTHER.encode("cp1252")])))
def test_each_window_is_decoded_by_itself(windows: list[bytes]) -> None:
    data, ends = Narrow().utf8(b"".join(windows), list(accumulate(map(len, windows))))
    expected = [_OTHER.encode() if b"\xe9" in window else window for window in windows]
    assert [data[start:end] for start, end in pairwise([0, *ends])] == expected
