"""Loops over bytes that are compiled where numba is installed, and run as they stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_Kernel = TypeVar("_Kernel", bound=Callable[..., object])


def compiled(kernel: _Kernel) -> _Kernel:
    """Compile at the first call, keep the code on disk, let go of the interpreter's lock."""
    try:
        import numba  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return kernel
    options: dict[str, Any] = {"nogil": True}
    try:
        return cast("_Kernel", numba.njit(cache=True, **options)(kernel))
    except RuntimeError:  # no folder that a cache could be written to
        return cast("_Kernel", numba.njit(**options)(kernel))


def array_of(data: bytes) -> Bytes:
    """Return bytes as an array, without copying."""
    return np.frombuffer(data, np.uint8)


@compiled
def number(byte: np.uint8) -> int:
    """Return a byte as a number that numbers can be added to: compiled code is strict there."""
    return np.int64(byte)  # type: ignore[return-value]  # to its caller it is a number
