"""SipHash-2-4 against its authors' vectors and against OpenSSL."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shredder.fingerprint.siphash import PADDING, siphash24, siphash24_many

KEY = bytes(range(16))
# The reference implementation's vectors: bytes 00, 00 01, … of each length from 0 to 63.
VECTORS = bytes.fromhex("""
310e0edd47db6f72 fd67dc93c539f874 5a4fa9d909806c0d 2d7efbd796666785 b7877127e09427cf
8da699cd64557618 cee3fe586e46c9cb 37d1018bf50002ab 6224939a79f5f593 b0e4a90bdf82009e
f3b9dd94c5bb5d7a a7ad6b22462fb3f4 fbe50e86bc8f1e75 903d84c02756ea14 eef27a8e90ca23f7
e545be4961ca29a1 db9bc2577fcc2a3f 9447be2cf5e99a69 9cd38d96f0b3c14b bd6179a71dc96dbb
98eea21af25cd6be c7673b2eb0cbf2d0 883ea3e395675393 c8ce5ccd8c030ca8 94af49f6c650adb8
eab8858ade92e1bc f315bb5bb835d817 adcf6b0763612e2f a5c91da7acaa4dde 716595876650a2a6
28ef495c53a387ad 42c341d8fa92d832 ce7cf2722f512771 e37859f94623f3a7 381205bb1ab0e012
ae97a10fd434e015 b4a31508beff4d31 81396229f0907902 4d0cf49ee5d4dcca 5c73336a76d8bf9a
d0a704536ba93e0e 925958fcd6420cad a915c29bc8067318 952b79f3bc0aa6d4 f21df2e41d4535f9
87577519048f53a9 10a56cf5dfcd9adb eb75095ccd986cd0 51a9cb9ecba312e6 96afadfc2ce666c7
72fe52975a4364ee 5a1645b276d592a1 b274cb8ebf87870a 6f9bb4203de7b381 eaecb2a30b22a87f
9924a43cc1315724 bd838d3aafbf8db7 0b1a2a3265d51aea 135079a3231ce660 932b2846e4d70666
e1915f5cb1eca46c f325965ca16d629f 575ff28e60381be5 724506eb4c328a95
""")


def many(key: bytes, tokens: list[bytes]) -> list[int]:
    lengths = np.array([len(token) for token in tokens], np.int64)
    text = np.frombuffer(b"".join(tokens) + bytes(PADDING), np.uint8)
    return list(map(int, siphash24_many(key, text, np.cumsum(lengths) - lengths, lengths)))


def test_it_gives_the_published_values() -> None:
    inputs = [bytes(range(length)) for length in range(64)]
    expected = [int.from_bytes(VECTORS[8 * n : 8 * n + 8], "little") for n in range(64)]
    assert expected[15] == 0xA129CA6149BE45E5  # the paper's appendix A
    assert [siphash24(KEY, data) for data in inputs] == expected
    assert many(KEY, inputs) == expected


@pytest.mark.needs("openssl")
def test_it_agrees_with_openssl(tmp_path: Path) -> None:
    file = tmp_path / "input"
    for key, length in ((KEY, 0), (KEY[::-1], 7), (b"k" * 16, 8), (KEY, 127), (KEY, 300)):
        data = bytes(7 * i % 256 for i in range(length))
        file.write_bytes(data)
        command = ["openssl", "mac", "-macopt", f"hexkey:{key.hex()}", "-macopt", "size:8"]
        found = subprocess.run(
            [*command, "-in", str(file), "SIPHASH"], capture_output=True, text=True, check=True
        )
        expected = int.from_bytes(bytes.fromhex(found.stdout.strip()), "little")
        assert siphash24(key, data) == expected
        assert many(key, [data]) == [expected]


@given(st.binary(min_size=16, max_size=16), st.lists(st.binary(max_size=140), max_size=40))
def test_both_forms_agree_on_any_lengths_together(key: bytes, tokens: list[bytes]) -> None:
    assert many(key, tokens) == [siphash24(key, token) for token in tokens]


def test_more_tokens_than_one_batch() -> None:
    tokens = [str(i).encode() * (i % 9) for i in range(20_000)]
    assert many(KEY, tokens)[::997] == [siphash24(KEY, token) for token in tokens[::997]]
