"""Bytes that are classed 64 at once, against numpy's bits."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.lanes import LANES, between, compiled, lowest_bit
from shredder.fingerprint.siphash import Bytes


@compiled
def _between(raw: Bytes, at: int, first: int, last: int) -> np.uint64:
    return between(raw, at, first, last)


@compiled
def _lowest_bit(bits: np.uint64) -> int:
    return lowest_bit(bits)


_byte = st.integers(0, 255)


@given(st.binary(min_size=2 * LANES, max_size=2 * LANES), st.integers(0, LANES), _byte, _byte)
def test_a_bit_is_that_of_its_byte(raw: bytes, at: int, one: int, other: int) -> None:
    first, last = sorted((one, other))
    text = np.frombuffer(raw, np.uint8)
    seen = text[at : at + LANES]
    wanted = np.packbits((seen >= first) & (seen <= last), bitorder="little").view("<u8")[0]
    assert np.uint64(_between(text, at, first, last)) == wanted


@given(st.integers(1, (1 << 64) - 1))
def test_the_lowest_bit_is_where_it_is(bits: int) -> None:
    assert _lowest_bit(np.uint64(bits)) == (bits & -bits).bit_length() - 1


def test_other_arrays_than_bytes_in_one_stretch_are_refused() -> None:
    arrays: tuple[Any, ...] = (np.zeros(128, np.uint16), np.zeros(256, np.uint8)[::2])
    for array in arrays:
        with pytest.raises(numba.TypingError):
            _between(array, 0, 0, 1)


def test_a_kernel_without_a_place_for_its_code_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[dict[str, bool]] = []

    def njit(**options: bool) -> object:
        seen.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda kernel: kernel

    monkeypatch.setattr("numba.njit", njit)
    kernel = compiled(len)
    assert kernel is len
    assert seen == [{"cache": True, "nogil": True}, {"nogil": True}]
