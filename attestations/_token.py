"""What a time-stamp response holds beyond what ``rfc3161-client`` hands out or checks.

Read from the same bytes: the number of signers, their digest algorithm, the certificate that
the signature itself names (ESSCertID, RFC 2634 and 5816), extensions of the TSTInfo, and the
time with its fraction.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rfc3161_client import TimeStampResponse, decode_timestamp_response

from attestations._der import (
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Node,
    NotDer,
    first,
    parse,
)

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}

_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"  # ESSCertID: SHA-1
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"  # ESSCertIDv2: SHA-256 by default
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
# RFC 3161, 2.4.2: always with seconds, a fraction without trailing zeros, in UTC.
_TIME = re.compile(rb"([0-9]{4})" + rb"([0-9]{2})" * 5 + rb"(?:\.([0-9]*[1-9]))?Z")


@dataclass(frozen=True, slots=True)
class Token:
    """The parts of a response that are looked at. `ess` pairs a digest's name with its value."""

    status: int
    digest: str  # of the signer's: sha256, sha384, sha512
    ess: tuple[tuple[str, bytes], ...]
    gen_time: datetime


def decode(response: bytes) -> tuple[Token, TimeStampResponse]:
    """Read a response by this reader and by the library. Raises :class:`NotDer`."""
    with unpanicked():
        token = read(response)  # first: it is gentle with nonsense
        return token, decode_timestamp_response(response)


@contextmanager
def unpanicked(*, passing: type[Exception] = NotDer) -> Iterator[None]:
    """Turn whatever the parsers below raise into :class:`NotDer`, but let `passing` through.

    They panic on some nonsense, and a panic is no Exception: it would end the caller. They warn
    of some, and what a stranger put into a bundle is no reason to write on the auditor's screen.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except passing:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise NotDer("a structure that cannot be read") from None
        raise


def signer(response: bytes) -> tuple[bytes, int]:
    """Return whose certificate signed it: issuer and serial number. Raises :class:`NotDer`."""
    with unpanicked():
        (info,) = decode_timestamp_response(response).signed_data.signer_infos
        return info.issuer.public_bytes(), info.serial_number


def read(response: bytes) -> Token:
    """Read a granted response (RFC 3161, 2.4.2). Raises :class:`NotDer`."""
    outer = parse(response).expect(SEQUENCE).children()
    status_info = first(outer, SEQUENCE)
    status = int.from_bytes(first(status_info.children(), INTEGER).content, "big", signed=True)
    content = first(outer, SEQUENCE).children()
    if first(content, OID).oid != SIGNED_DATA:
        raise NotDer("the token is not signed data")
    signed = first(first(content, _CONTEXT_0).children(), SEQUENCE).children()
    first(signed, INTEGER)
    first(signed, SET)  # digest algorithms
    inner = first(signed, SEQUENCE).children()
    if first(inner, OID).oid != TST_INFO:
        raise NotDer("the token does not hold a TSTInfo")
    info = parse(first(first(inner, _CONTEXT_0).children(), OCTET_STRING).content)
    *_, signers = signed  # certificates and revocation lists may stand before
    (signer,) = _exactly_one(signers.expect(SET))
    digest, ess = _read_signer(signer)
    return Token(status=status, digest=digest, ess=ess, gen_time=_read_time(info))


def _exactly_one(signers: Node) -> list[Node]:
    nodes = list(signers.children())
    if len(nodes) != 1:  # RFC 3161, 2.4.2: no signature but the authority's
        raise NotDer("not exactly one signer")
    return nodes


def _read_signer(signer: Node) -> tuple[str, tuple[tuple[str, bytes], ...]]:
    parts = signer.expect(SEQUENCE).children()
    first(parts, INTEGER)
    first(parts, SEQUENCE)  # issuer and serial number
    digest = DIGESTS.get(first(first(parts, SEQUENCE).children(), OID).oid)
    if digest is None:
        raise NotDer("the signer's digest is not of the SHA-2 family")
    found: list[tuple[str, bytes]] = []
    for attribute in first(parts, _CONTEXT_0).children():
        pair = attribute.expect(SEQUENCE).children()
        kind = first(pair, OID).oid
        if kind in {_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2}:
            value = first(first(pair, SET).children(), SEQUENCE)
            found.append(_read_ess(value, v2=kind == _SIGNING_CERTIFICATE_V2))
    return digest, tuple(found)


def _read_ess(value: Node, *, v2: bool) -> tuple[str, bytes]:
    """Return the first certificate named: it is the signer's (RFC 5035, 5.4)."""
    certs = first(value.children(), SEQUENCE)
    parts: Iterator[Node] = first(certs.children(), SEQUENCE).children()
    node = next(parts, None)
    name = "sha256" if v2 else "sha1"
    if v2 and node is not None and node.tag == SEQUENCE:
        name = DIGESTS.get(first(node.children(), OID).oid, "")
        node = next(parts, None)
    if node is None or not name:
        raise NotDer("a signing certificate by an unknown digest")
    return name, node.expect(OCTET_STRING).content


def _read_time(info: Node) -> datetime:
    parts = list(info.expect(SEQUENCE).children())
    for extension in (e for part in parts if part.tag == _CONTEXT_1 for e in part.children()):
        critical = [n for n in extension.children() if n.tag == BOOLEAN and n.content != b"\0"]
        if critical:  # RFC 3161, 2.4.2: an unknown critical extension refuses the token
            raise NotDer("a critical extension that is not known")
    times = [part.content for part in parts if part.tag == GENERALIZED_TIME]
    match = _TIME.fullmatch(times[0]) if len(times) == 1 else None
    if match is None:
        raise NotDer("no time, or not in its one form")
    fraction = (match[7] or b"0").ljust(6, b"0")[:6]
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, int(fraction), tzinfo=UTC)
    except ValueError:
        raise NotDer("a time that there is not") from None
