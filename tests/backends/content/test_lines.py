"""Where lines end: both routes say the same, and what the bytes say."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.content._lines import ENCODED_BEGINS, Plain, Route, route
from backends.content._lines_fast import Compiled

ROUTES = Plain(), Compiled()
_BESIDE = np.zeros(256, np.bool_)
_BESIDE[list(b',;\t|"\r\n')] = True
_texts = st.lists(
    st.sampled_from([b"a", b"b c", b'"', b",", b"\n", b"\r", b")", b"]", b"}", b"\0", b"\xff"])
    | st.integers(50, 140).map(lambda size: b"x" * size)
).map(b"".join)


def test_the_compiled_route_is_taken() -> None:
    assert isinstance(route(), Compiled)


@pytest.mark.parametrize("way", ROUTES, ids=("plain", "compiled"))
@given(data=_texts, quote=st.sampled_from([-1, 0, ord('"'), ord("'"), 0xFF]))
def test_a_look_shows_what_is_there(way: Route, data: bytes, quote: int) -> None:
    seen = way.lines(data, quote)
    assert seen.newlines.tolist() == [at + 1 for at, byte in enumerate(data) if byte == 10]
    assert seen.quotes.tolist() == [at for at, byte in enumerate(data) if byte == quote]
    assert seen.returns == (b"\r" in data)
    assert seen.joints == any(data[at : at + 2] in {b"),", b"],", b"},"} for at in range(len(data)))


@pytest.mark.parametrize("closing", b")]}")
@pytest.mark.parametrize("at", [0, 62, 63, 64, 126, 127, 128])
@pytest.mark.parametrize("way", ROUTES, ids=("plain", "compiled"))
def test_a_joint_is_seen_wherever_it_lies(way: Route, at: int, closing: int) -> None:
    data = bytearray(b"x" * 200)
    data[at], data[at + 1] = closing, ord(",")
    assert way.lines(bytes(data), -1).joints
    assert way.lines(bytes(data[: at + 2]), -1).joints
    assert not way.lines(bytes(data[: at + 1]), -1).joints


@pytest.mark.parametrize("last", [False, True])
@given(data=_texts)
def test_both_routes_tell_what_is_outside_quotes(last: bool, data: bytes) -> None:
    array = np.frombuffer(data, np.uint8)
    seen = ROUTES[0].lines(data, ord('"'))
    told = [way.outside(array, seen.quotes, seen.newlines, _BESIDE, last=last) for way in ROUTES]
    assert told[0][0].tolist() == told[1][0].tolist()
    assert told[0][1] == told[1][1]


@pytest.mark.parametrize("way", ROUTES, ids=("plain", "compiled"))
@pytest.mark.parametrize(
    ("data", "ends", "wrong"),
    [
        (b'a,"b\nc"\nd\n', [8, 10], -1),
        (b'a,"b\n', [], -1),  # goes on
        (b'"a" b\n', [6], 2),
        (b'a "b"\n', [6], 2),
        (b'"a"\nb"c\n', [4], -1),  # what is out of place comes after the last end
    ],
)
def test_quotes_out_of_place_are_told(way: Route, data: bytes, ends: list[int], wrong: int) -> None:
    seen = way.lines(data, ord('"'))
    found = way.outside(
        np.frombuffer(data, np.uint8), seen.quotes, seen.newlines, _BESIDE, last=False
    )
    assert (found[0].tolist(), found[1]) == (ends, wrong)


_runs = st.lists(
    st.binary(max_size=40).map(base64.b64encode)
    | st.text(max_size=12).map(lambda text: base64.b64encode(text.encode()))
    | st.text(max_size=12).map(lambda text: base64.urlsafe_b64encode(text.encode("utf-16-le")))
    | st.text("0123456789abcdef", max_size=40).map(str.encode)
    | st.sampled_from([*ENCODED_BEGINS, b" ", b"\n", b"/", b"-", b"x" * 16, b"\xff"])
).map(b"".join)


@given(data=_runs)
def test_both_routes_tell_where_base64_may_be(data: bytes) -> None:
    told = [way.encoded(data).tolist() for way in ROUTES]
    assert told[0] == told[1]


@pytest.mark.parametrize("way", ROUTES, ids=("plain", "compiled"))
@given(before=st.integers(0, 150), text=st.text("abc @.,0123\u00e4\u4e2d", min_size=12))
def test_where_a_text_is_in_base64_it_is_told(way: Route, before: int, text: str) -> None:
    encoded = base64.b64encode(text.encode())
    if encoded[:16].isalnum():
        assert before in way.encoded(b" " * before + encoded).tolist()
