"""JSON's traps, each refused with its code; the limits hold before anything is parsed."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.errors import Code, Malformed
from attestations.strict_json import Limits, dumps, loads

LIMITS = Limits(size=1_000_000, depth=8, items=10_000)

HOSTILE = {
    "duplicate key": (b'{"a":1,"a":2}', Code.E_JSON),
    "duplicate key, escaped": (b'{"a":1,"\\u0061":2}', Code.E_JSON),
    "NaN": (b"[NaN]", Code.E_JSON),
    "Infinity": (b"[-Infinity]", Code.E_JSON),
    "1e999": (b"[1e999]", Code.E_JSON),
    "float": (b"[1.0]", Code.E_JSON),
    "2**53": (b"[9007199254740992]", Code.E_JSON),
    "-2**53": (b"[-9007199254740992]", Code.E_JSON),
    "5,000 digits": (b"[" + b"9" * 5000 + b"]", Code.E_JSON),
    "UTF-16": ('{"a":1}'.encode("utf-16"), Code.E_JSON),
    "UTF-16 without mark": ('{"a":1}'.encode("utf-16-le"), Code.E_JSON),
    "UTF-32": ('{"a":1}'.encode("utf-32-be"), Code.E_JSON),
    "byte order mark": (b'\xef\xbb\xbf{"a":1}', Code.E_JSON),
    "Latin-1": (b'["\xe9"]', Code.E_JSON),
    "overlong UTF-8": (b'["\xc0\x80"]', Code.E_JSON),
    "raw surrogate": (b'["\xed\xa0\x80"]', Code.E_JSON),
    "lone high surrogate": (b'["\\ud800"]', Code.E_JSON),
    "lone low surrogate": (b'["\\uDfff"]', Code.E_JSON),
    "surrogates reversed": (b'["\\udc00\\ud800"]', Code.E_JSON),
    "lone surrogate as key": (b'{"\\ud800":1}', Code.E_JSON),
    "control character": (b'["\x1b"]', Code.E_JSON),
    "trailing comma": (b"[1,]", Code.E_JSON),
    "comment": (b"[1] // one", Code.E_JSON),
    "two values": (b"[1][2]", Code.E_JSON),
    "leading zero": (b"[01]", Code.E_JSON),
    "full-width digits": ("[\uff11]".encode(), Code.E_JSON),
    "nothing": (b"", Code.E_JSON),
    "unterminated": (b'["abc', Code.E_JSON),
    "200,000 deep": (b"[" * 200_000, Code.E_LIMIT),
    "200,000 deep and closed": (b"[" * 200_000 + b"]" * 200_000, Code.E_LIMIT),
    "deep objects": (b'{"a":' * 9 + b"1" + b"}" * 9, Code.E_LIMIT),
    "many values": (b"[" + b"1," * 20_000 + b"1]", Code.E_LIMIT),
    "many strings": (b'[""' + b',""' * 30_000 + b"]", Code.E_LIMIT),
    "too long": (b"[" + b" " * 1_000_000 + b"]", Code.E_LIMIT),
}


@pytest.mark.parametrize(("data", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_is_refused_with_its_code(data: bytes, code: Code) -> None:
    with pytest.raises(Malformed) as caught:
        loads(data, LIMITS, "test")
    assert caught.value.verdict == code


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 400_000,
        b'"' + b"\\\\" * 400_000,
        b"\\" * 900_000,
        b'"\\u0041' * 30_000,
        b"{" * 8 + b"[" * 900_000,
    ],
    ids=["escaped quotes", "escaped backslashes", "backslashes", "open strings", "brackets"],
)
def test_a_refusal_takes_neither_long_nor_much_memory(data: bytes) -> None:
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(Malformed):
        loads(data, LIMITS, "test")
    spent = time.process_time() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 1
    assert peak < 30_000_000


@pytest.mark.parametrize(
    "text",
    [
        '{"a":[1,-2,0,9007199254740991,true,false,null],"b":{"c":"é \\ud83d\\ude00 \\u0000"}}',
        '"a string alone"',
        ' [ "[[[[[[[[[[[[ {{{{ ,,,, 12345678901234567890" ] \n',
        '["\\\\", "\\"[[[[[[[[[[[["]',
    ],
)
def test_a_good_document_reads_as_the_standard_library_reads_it(text: str) -> None:
    assert json.loads(text) == loads(text.encode(), LIMITS, "test")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_VALUES)
def test_what_is_written_reads_as_it_was(value: object) -> None:
    assert value == loads(dumps(value), Limits(size=100_000, depth=64), "test")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        value = loads(data, LIMITS, "test")
    except Malformed:
        return
    assert json.loads(data.decode()) == value


def test_an_escaped_bracket_in_a_string_is_no_bracket() -> None:
    deep = json.dumps(['\\"' + "[" * 100 + '\\"'] * 3).encode()
    assert json.loads(deep) == loads(deep, LIMITS, "test")
