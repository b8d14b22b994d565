"""Rows of a COPY gathered by compiled code. Importing this module needs numba.

The code calls functions of the very libpq that the driver uses, without the interpreter and its
lock (PostgreSQL manual, "Functions Associated with the COPY Command" and "Asynchronous Command
Processing"), and one of C::

    int PQgetCopyData(PGconn *conn, char **buffer, int async);
    int PQconsumeInput(PGconn *conn);
    void PQfreemem(void *ptr);
    void *memcpy(void *to, const void *from, size_t size);
"""

from __future__ import annotations

import ctypes
import sys
from array import array as packed
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from psycopg import OperationalError

from backends.lanes import compiled
from backends.postgres._copy import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_END, _BROKEN = -1, -2  # of PQgetCopyData; _BROKEN of ours, too, where PQconsumeInput fails
_INT, _POINTER = ir.IntType(32), ir.IntType(64)


class Gatherer:
    """Takes rows from a connection; see :class:`backends.postgres._copy.Taker`."""

    def __init__(self, pgconn: Any, functions: tuple[int, int, int, int], size: int) -> None:
        """`functions`: the addresses of those above."""
        self._pgconn = pgconn
        self._functions = functions
        self._block = np.empty(size, np.uint8)
        self._ends = np.empty(size, np.int64)  # no row is less than a newline
        # How much of the block is filled; how many rows; where libpq has put one without room.
        self._state = np.zeros(3, np.int64)
        self.ended = False

    @classmethod
    def of(cls, pgconn: Any, size: int) -> Self | None:
        """Return one for blocks of about `size` bytes; None: the driver's libpq is not found."""
        if sys.maxsize >> 32 == 0:  # addresses are taken for 64 bits
            return None
        try:
            # The module of the driver's C code: what it is linked to is found through it.
            library = ctypes.CDLL(sys.modules[type(pgconn).__module__].__file__)
            get, consume, free, copy = (
                ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
                for name in ("PQgetCopyData", "PQconsumeInput", "PQfreemem", "memcpy")
            )
        except (AttributeError, OSError):
            return None
        found = cls(pgconn, (get, consume, free, copy), size)
        found._compile()
        return found

    def _compile(self) -> None:
        """Compile now; what cannot be kept, the disk being full, is compiled all the same."""
        *_, free, _ = self._functions
        with suppress(OSError):
            _free(free, 0)
        with suppress(OSError):  # without a connection, libpq says that this went wrong
            _gather(*self._functions, 0, self._block, self._ends, self._state)

    def take(self) -> Rows | None:
        """See the protocol."""
        found = _gather(
            *self._functions, self._pgconn.pgconn_ptr or 0, self._block, self._ends, self._state
        )
        if found == 0:
            return None
        if found == _BROKEN:
            raise OperationalError("receiving rows failed", pgconn=self._pgconn)
        self.ended = found == _END
        filled, count, row = (int(number) for number in self._state)
        self._state[:] = 0
        data = self._block[:filled].tobytes()
        ends = packed("q", self._ends[:count].tobytes())
        if row:
            try:
                data += ctypes.string_at(row, found)
            finally:
                _free(self._functions[2], row)
            ends.append(len(data))
        return Rows(data, ends)


def _c(result: ir.Type, *parameters: ir.IntType) -> Any:
    """Return what calls the C function at an address with a tuple of integers and pointers."""

    @intrinsic
    def call(_typing: Any, _address: Any, arguments: Any) -> Any:
        def code(_target: Any, builder: Any, _signature: Any, given: Any) -> Any:
            function = builder.inttoptr(given[0], ir.FunctionType(result, parameters).as_pointer())
            values = [builder.extract_value(given[1], n) for n in range(len(parameters))]
            values = [
                value if kind is _POINTER else builder.trunc(value, kind)
                for value, kind in zip(values, parameters, strict=True)
            ]
            returned = builder.call(function, values)
            return returned if result is _INT else ir.Constant(_INT, 0)

        return types.int32(types.int64, arguments), code

    return call


def _address(_typing: Any, array: Any) -> Any:
    """Return where the data of an array lies."""

    def code(target: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = target.make_array(signature.args[0])(target, builder, given[0]).data
        return builder.ptrtoint(data, _POINTER)

    return types.int64(array), code


_address_of: Any = intrinsic(_address)
_memcpy = _c(_POINTER, _POINTER, _POINTER, _POINTER)
_get_copy_data = _c(_INT, _POINTER, _POINTER, _INT)
_consume_input = _c(_INT, _POINTER)
_freemem = _c(ir.VoidType(), _POINTER)


@compiled
def _free(free: int, row: int) -> None:
    _freemem(free, (row,))


@compiled
def _gather(
    get: int,
    consume: int,
    free: int,
    copy: int,
    conn: int,
    block: NDArray[np.uint8],
    ends: NDArray[np.int64],
    state: NDArray[np.int64],
) -> int:
    """Append rows to the block, and where each ends, and return what PQgetCopyData said at last.

    Above 0: there is a row of so many bytes that the block has no room for.
    """
    filled, count = int(state[0]), int(state[1])
    row = _address_of(state[2:])
    to = _address_of(block)
    while True:
        size = _get_copy_data(get, (conn, row, 1))
        if size == 0:
            if _consume_input(consume, (conn,)) == 0:
                size = _BROKEN
            else:
                size = _get_copy_data(get, (conn, row, 1))
        if size <= 0 or filled + size > block.size:
            state[0], state[1] = filled, count
            return int(size)
        _memcpy(copy, (to + filled, state[2], np.int64(size)))
        _freemem(free, (state[2],))
        state[2] = 0
        filled += size
        ends[count] = filled
        count += 1
