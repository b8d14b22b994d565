"""Compiled code, and sixty-four bytes at once in it: LLVM's vectors, which numba has no words for.

Importing this module needs numba (extra ``fast``). LLVM makes of a vector whatever the processor
has: with AVX-512 one comparison, with others two or four, and the gathering of their bits.

`between`, `word_at`, `lowest_bit` and `bit_count` are for compiled functions; Python cannot call
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANES = 64  # bytes
_ATTEMPTS = 256  # well above the number of functions that one call compiles
_BYTE, _PLACE = ir.IntType(8), ir.IntType(32)
_WIDE = ir.VectorType(_BYTE, LANES)
_FIRST_OF_ALL = ir.Constant(ir.VectorType(_PLACE, LANES), [0] * LANES)
_Kernel = TypeVar("_Kernel", bound=Callable[..., object])


def compiled(kernel: _Kernel) -> _Kernel:
    """Compile at the first call, keep the code on disk, let go of the interpreter's lock."""
    try:
        return cast("_Kernel", numba.njit(cache=True, nogil=True)(kernel))
    except RuntimeError:  # no folder that a cache could be written to
        return cast("_Kernel", numba.njit(nogil=True)(kernel))


def compile_by(call: Callable[[], object]) -> None:
    """Compile by a call, also where the code cannot be kept (the disk is full).

    numba raises after it has compiled and registered a function, so each call gets one further.
    """
    for attempt in range(_ATTEMPTS):
        try:
            call()
        except OSError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def _between(_typing: Any, raw: Any, _at: Any, _first: Any, _last: Any) -> Any:
    """Say of which types it is, and how it is made."""
    if not (isinstance(raw, types.Array) and raw.dtype == types.uint8 and raw.layout == "C"):
        return None  # numba then says which types do not fit

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array, at, first, last = values
        data = context.make_array(signature.args[0])(context, builder, array).data
        place = builder.bitcast(builder.gep(data, [at]), _WIDE.as_pointer())
        text = builder.load(place, align=1)
        span = builder.sub(last, first)
        found = builder.icmp_unsigned(
            "<=", builder.sub(text, _spread(builder, first)), _spread(builder, span)
        )
        return builder.bitcast(found, ir.IntType(LANES))

    return types.uint64(raw, types.intp, types.intp, types.intp), generate


def _spread(builder: Any, value: Any) -> Any:
    """Make a vector that is a byte, 64 times."""
    byte = builder.trunc(value, _BYTE)
    one = builder.insert_element(ir.Constant(_WIDE, ir.Undefined), byte, ir.Constant(_PLACE, 0))
    return builder.shuffle_vector(one, one, _FIRST_OF_ALL)


def _lowest_bit(_typing: Any, _bits: Any) -> Any:
    """Say of which types it is, and how it is made."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


def _bit_count(_typing: Any, _bits: Any) -> Any:
    """Say of which types it is, and how it is made."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.int64(types.uint64), generate


def _word(_typing: Any, raw: Any, _at: Any) -> Any:
    """Say of which types it is, and how it is made."""
    if not (isinstance(raw, types.Array) and raw.dtype == types.uint8 and raw.layout == "C"):
        return None  # numba then says which types do not fit

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(64).as_pointer())
        return builder.load(place, align=1)

    return types.uint64(raw, types.intp), generate


# Of 64 bytes from a place on, all of which must be there: a bit for each, the lowest for the
# first, set if the byte is one of those from `first` to `last`.
between = cast("Callable[[NDArray[np.uint8], int, int, int], np.uint64]", intrinsic(_between))

# The place of the lowest bit that is set; one must be.
lowest_bit = cast("Callable[[np.uint64], int]", intrinsic(_lowest_bit))

# The word of the 8 bytes from a place on, all of which must be there.
word_at = cast("Callable[[NDArray[np.uint8], int], np.uint64]", intrinsic(_word))

# How many bits are set.
bit_count = cast("Callable[[np.uint64], int]", intrinsic(_bit_count))


@compiled
def rest(raw: NDArray[np.uint8], start: int) -> NDArray[np.uint8]:
    """Return the bytes from `start` on, fewer than 64, and zeros up to 64."""
    last = np.zeros(LANES, np.uint8)
    last[: raw.size - start] = raw[start:]
    return last
