"""What was read is held to what the server says of the whole, in whatever form it says it."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from backends.contract import Examination
from backends.s3._checksum import check_of
from tests.backends.s3.conftest import MATCHER, Place, text, units
from tests.backends.s3.proxy import Answer, Proxy, Request, refused

BODY = text(*range(60), others=900)
PIECE = 10_000
CRC32_OF_DIGITS = base64.b64encode(bytes.fromhex("cbf43926")).decode()  # of 123456789


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.s3._ranges.PIECE", PIECE)
    monkeypatch.setattr("backends.s3._ranges.LARGE", 3 * PIECE)
    assert len(BODY) > 5 * PIECE


def ranged(request: Request) -> bool:
    return request.method == "GET" and any(n.lower() == "range" for n in request.headers)


def swapped(forward: Callable[[], Answer]) -> Answer:
    """The right length, the right headers, and one bit that is not the right one."""
    answer = forward()
    answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1])
    return answer


def examined(place: Place, proxy: Proxy) -> Examination:
    store = place.open(endpoint_url=proxy.url)
    (unit,) = units(store, place.name)
    return store.examine(unit, MATCHER)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "SHA1"])
@pytest.mark.parametrize("told", ["checksum", "etag", "refused"])
def test_a_wrong_bit_in_a_range_is_seen(
    plain: Place, proxy: Proxy, algorithm: str, told: str
) -> None:
    plain.put("big.csv", BODY, ChecksumAlgorithm=algorithm)

    def rule(request: Request, forward: Callable[[], Answer], *, lie: bool) -> Answer:
        if request.method == "HEAD" and told == "refused":
            return refused(403, "AccessDenied")
        answer = swapped(forward) if lie and ranged(request) else forward()
        # With a checksum, that alone tells; without, the ETag alone.
        dropped = "x-amz-checksum" if told == "etag" else "none"
        answer.headers = [(n, v) for n, v in answer.headers if not n.lower().startswith(dropped)]
        return answer

    with proxy.lying(lambda r, f: rule(r, f, lie=False)):
        assert examined(plain, proxy).gap is None
    with proxy.lying(lambda r, f: rule(r, f, lie=True)):
        gap = examined(plain, proxy).gap
    assert gap is not None
    assert "content-mismatch" == gap.reason


@pytest.mark.parametrize("right", [True, False])
def test_the_checksum_tells_where_the_etag_cannot(
    plain: Place, proxy: Proxy, *, right: bool
) -> None:
    """An ETag of parts is the MD5 of no content."""
    upload = plain.upload("big.csv", BODY)
    named: Any = {"Bucket": plain.name, "Key": "big.csv", "UploadId": upload}
    parts = plain.client.list_parts(**named)["Parts"]
    done: Any = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    plain.client.complete_multipart_upload(**named, MultipartUpload={"Parts": done})
    crc = zlib.crc32(BODY if right else BODY[::-1]).to_bytes(4, "big")

    def rule(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if request.method == "HEAD":
            answer.headers.append(("x-amz-checksum-crc32", base64.b64encode(crc).decode()))
        return answer

    with proxy.lying(rule):
        examination = examined(plain, proxy)
    assert len(BODY) == examination.bytes_read
    assert ("" if right else "content-mismatch") == (
        examination.gap.reason if examination.gap else ""
    )


def test_checksums_as_published() -> None:
    """The check values of the catalogue of CRCs, and of FIPS 180 for ``abc``."""
    etag = {"ETag": '"1-2"'}
    digits = check_of(etag, {**etag, "ChecksumCRC32": CRC32_OF_DIGITS})
    for part in (b"1234", b"", b"56789"):
        digits.update(part)
    assert digits.holds()
    digits.update(b"0")
    assert not digits.holds()
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    told = base64.b64encode(bytes.fromhex(sha)).decode()
    abc = check_of(etag, {**etag, "ChecksumSHA256": told})
    assert not abc.holds()
    abc.update(b"abc")
    assert abc.holds()


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"ETag": '"other"', "ChecksumCRC32": CRC32_OF_DIGITS},
        {"ChecksumCRC32": f"{CRC32_OF_DIGITS}-2"},
        {"ChecksumCRC32": CRC32_OF_DIGITS, "ChecksumType": "COMPOSITE"},
        {"ChecksumCRC64NVME": "AAAAAAAAAAA="},
    ],
)
def test_what_says_nothing_of_the_whole_is_not_compared(told: dict[str, str]) -> None:
    etag = {"ETag": '"0123456789abcdef0123456789abcdef-2"'}
    check = check_of(etag, {**etag, **told})
    check.update(b"anything")
    assert check.holds()
