"""Asks time-stamping authorities for tokens over HTTP (RFC 3161, 3.4).

The only module of the package that opens a connection, and only the issuer's side calls it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    decode_timestamp_response,
)

from attestations import _token
from attestations._der import NotDer
from attestations.bundle import Sealed
from attestations.errors import TimestampUnavailable
from attestations.renewal import DIGEST, covered, newest
from attestations.text import shown

MAX_RESPONSE: Final = 65536  # bytes

_IMPRINTS: Final = {"sha256": HashAlgorithm.SHA256, "sha512": HashAlgorithm.SHA512}
_GRANTED = 0
_PASSING = frozenset({408, 425, 429})  # HTTP: later may do
_SERVERS_FAULT = 500


def request_timestamps(
    message: bytes,
    authorities: Sequence[str],
    *,
    wanted: int = 1,
    timeout: float = 10.0,
    policies: Mapping[str, str] | None = None,
    held: Sequence[bytes] = (),
    tries: int = 3,
    pause: float = 0.5,
    digest: str = "sha256",
) -> tuple[bytes, ...]:
    """Return `wanted` time-stamp responses over a message, one an authority.

    `authorities` are URLs, asked in order until enough have answered; `timeout` is in seconds,
    for each. If they do not suffice, those whose trouble may pass are asked again, up to `tries`
    times, after `pause` seconds and then twice as long each time. `policies` are the OIDs that
    answers of some URLs must bear. An answer signed by the certificate of another, or of one in
    `held`, is not counted: an auditor would not. `digest` names the imprint's: ``sha256`` for an
    envelope, ``sha512`` for a renewal. Raises :class:`TimestampUnavailable`, with what was given,
    if fewer answer.
    """
    left = list(dict.fromkeys(authorities))
    signers = set(_signers(held))
    got: list[bytes] = []
    troubles: dict[str, str] = {}
    for attempt in range(tries):
        if attempt and left:
            time.sleep(pause * 2 ** (attempt - 1))
        again: list[str] = []
        for url in left:
            if len(got) == wanted:
                break
            try:
                policy = (policies or {}).get(url, "")
                response = request_timestamp(
                    message, url, timeout=timeout, policy=policy, digest=digest
                )
            except TimestampUnavailable as error:
                troubles[url] = error.message
                if error.passing:
                    again.append(url)
                continue
            troubles.pop(url, None)
            if (signer := _token.signer(response)) not in signers:
                signers.add(signer)
                got.append(response)
        left = again
        if len(got) == wanted or not left:
            break
    if len(got) < wanted:
        raise TimestampUnavailable(
            "; ".join(troubles.values()) or "too few time-stamping authorities are configured",
            hint="check the authorities' addresses, or add the timestamp later",
            got=tuple(got),
            troubled=bool(troubles),
        )
    return tuple(got)


def _signers(held: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    for response in held:
        with suppress(NotDer):
            yield _token.signer(response)


def request_renewal(
    sealed: Sealed,
    authorities: Sequence[str],
    *,
    timeout: float = 10.0,
    policies: Mapping[str, str] | None = None,
) -> bytes:
    """Return a renewal over an envelope and its tokens, by another certificate than the newest's.

    The rest is as with :func:`request_timestamps`. Raises :class:`TimestampUnavailable`.
    """
    try:
        (token,) = request_timestamps(
            covered(sealed),
            authorities,
            timeout=timeout,
            policies=policies,
            held=newest(sealed),
            digest=DIGEST,
        )
    except TimestampUnavailable as error:
        if error.troubled:
            raise
        raise TimestampUnavailable(
            "no authority signs by another certificate than the newest timestamps'",
            hint="a renewal takes another authority, or this one's next certificate",
        ) from None
    return token


def request_timestamp(
    message: bytes, url: str, *, timeout: float = 10.0, policy: str = "", digest: str = "sha256"
) -> bytes:
    """Return one authority's response. Raises :class:`TimestampUnavailable`.

    With a `policy`, an answer under another one is none.
    """
    if not _is_plain_http(url):
        raise TimestampUnavailable(
            "a time-stamping authority's address is not an http(s) URL without a password"
        )
    query = (
        TimestampRequestBuilder()
        .data(message)
        .hash_algorithm(_IMPRINTS[digest])
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    response = _post(url, query.as_bytes(), timeout)
    trouble = _trouble(response, query, hashlib.new(digest, message).digest(), policy)
    if trouble:
        raise _unavailable(url, trouble)
    return response


def told_time(response: bytes) -> datetime:
    """Return the time that a response tells: who trusts it is the auditor's to decide.

    Raises :class:`TimestampUnavailable` for what cannot be read.
    """
    try:
        with _token.unpanicked():
            return decode_timestamp_response(response).tst_info.gen_time
    except (NotDer, ValueError):
        raise TimestampUnavailable("a timestamp cannot be read") from None


def _is_plain_http(url: str) -> bool:
    try:
        where = urlsplit(url)
    except ValueError:
        return False
    return where.scheme in {"http", "https"} and bool(where.hostname) and where.username is None


def _post(url: str, body: bytes, timeout: float) -> bytes:
    # Only who asks pays for the HTTP client; who verifies never loads it.
    from http.client import HTTPException  # noqa: PLC0415
    from urllib import request  # noqa: PLC0415
    from urllib.error import HTTPError  # noqa: PLC0415

    # An opener of our own: no redirects, no file: or ftp:.
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    query = request.Request(  # noqa: S310 -- the scheme was checked
        url, data=body, headers={"Content-Type": "application/timestamp-query"}
    )
    deadline = time.monotonic() + timeout
    try:
        with opener.open(query, timeout=timeout) as answer:
            if answer.headers.get_content_type() != "application/timestamp-reply":
                raise _unavailable(url, "the answer is not a timestamp reply")
            response = b""
            while chunk := answer.read1(MAX_RESPONSE):
                response += chunk
                if len(response) > MAX_RESPONSE:
                    raise _unavailable(url, "the answer is too long")
                if time.monotonic() > deadline:  # bytes that drip keep a time-out quiet
                    raise _unavailable(url, "timed out", passing=True)
    except HTTPError as error:
        error.close()  # it holds the connection
        passing = error.code in _PASSING or error.code >= _SERVERS_FAULT
        raise _unavailable(url, f"it answered {error.code}", passing=passing) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise _unavailable(url, str(reason), passing=not isinstance(error, ValueError)) from None
    return response


def _unavailable(url: str, why: str, *, passing: bool = False) -> TimestampUnavailable:
    """Name the host alone: what follows it may be a secret."""
    return TimestampUnavailable(
        f"{urlsplit(url).hostname} gave no timestamp: {shown(why, 100)}", passing=passing
    )


def _trouble(response: bytes, query: TimeStampRequest, imprint: bytes, policy: str) -> str:
    """Return what is wrong with an answer; trust in it is the auditor's to decide."""
    try:
        with _token.unpanicked():
            parsed = decode_timestamp_response(response)
            if parsed.status != _GRANTED:
                return f"refused with status {parsed.status}"
            _token.read(response)
            info = parsed.tst_info
            if info.nonce != query.nonce:
                return "the answer is to another request"
            if info.message_imprint.message != imprint:
                return "the answer is for something else"
            if policy and info.policy.dotted_string != policy:
                return "the answer is under another policy than the one configured"
    except NotDer:
        return "the answer cannot be read"
    return ""
