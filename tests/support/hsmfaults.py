"""What a PKCS#11 module answers when its token goes, or locks its PIN: SoftHSM itself does neither.

The module's own table of functions is changed, so that driver and product work as they are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tests.support.softhsm import MODULE

# PKCS #11, 2.40: the places in CK_FUNCTION_LIST, of which the first is the version.
PLACES: Final = {
    "C_GetTokenInfo": 7,
    "C_Login": 19,
    "C_DestroyObject": 23,
    "C_FindObjectsInit": 27,
    "C_Encrypt": 31,
    "C_Decrypt": 35,
    "C_GenerateKey": 59,
}
_FUNCTIONS: Final = 69
_ARGUMENTS: Final = 8  # the most that a function has
_FUNCTION: Final = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_void_p] * _ARGUMENTS)
DEVICE_REMOVED, PIN_LOCKED = 0x32, 0xA4

# Is told of a call ahead of it; what it returns, if anything, is the answer instead.
Before = Callable[[str], "int | None"]


@contextmanager
def watched(before: Before) -> Iterator[None]:
    """Have every call of the module told; those without a name in PLACES by an empty one."""
    table_at = ctypes.c_void_p()
    ctypes.CDLL(MODULE).C_GetFunctionList(ctypes.byref(table_at))
    assert table_at.value is not None
    table = (ctypes.c_void_p * _FUNCTIONS).from_address(table_at.value)
    names = {place: name for name, place in PLACES.items()}
    kept = list(table)

    def watching(place: int) -> ctypes._CFunctionType:
        real = _FUNCTION(kept[place] or 0)

        def called(*given: int | None) -> int:
            answer = before(names.get(place, ""))
            return int(real(*given)) if answer is None else answer

        return _FUNCTION(called)

    functions = [watching(place) for place in range(1, _FUNCTIONS)]
    try:
        table[1:] = [ctypes.cast(each, ctypes.c_void_p).value for each in functions]
        yield
    finally:
        table[1:] = kept[1:]
