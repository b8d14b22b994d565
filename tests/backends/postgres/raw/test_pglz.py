"""pglz against a compressor of the tests' own, and against bytes that nobody compressed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.postgres.raw.pglz import Damaged, decompress
from tests.backends.postgres.raw.compressing import compressed, decompressed

_TEXTS = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"again and ", b"\0" * 300, b"ab" * 200])),
    max_size=12,
).map(b"".join)


@settings(deadline=None)
@given(text=_TEXTS)
def test_what_was_compressed_comes_out(text: bytes) -> None:
    assert decompress(compressed(text), len(text)) == text


@settings(deadline=None)
@given(text=_TEXTS, cut=st.floats(0, 1))
def test_of_a_torn_stream_its_beginning_comes_out(text: bytes, cut: float) -> None:
    data = compressed(text)
    torn = data[: int(len(data) * cut)]
    if torn == data:
        return
    with pytest.raises(Damaged) as raised:
        decompress(torn, len(text))
    assert text.startswith(raised.value.got)
    assert raised.value.got == decompressed(torn, len(text))


@settings(deadline=None)
@given(data=st.binary(max_size=300), size=st.integers(-5, 1 << 40))
def test_bytes_that_are_no_stream_give_no_more_than_they_can(data: bytes, size: int) -> None:
    try:
        got = decompress(data, size)
    except Damaged as damaged:
        got = damaged.got
    else:
        assert len(got) == size
    assert len(got) <= 2184 * (len(data) // 25 + 1)


def test_a_stream_that_goes_on_is_refused() -> None:
    with pytest.raises(Damaged):
        decompress(compressed(b"some text") + b"\0more", 9)
