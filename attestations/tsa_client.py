"""Asks time-stamping authorities for tokens over HTTP (RFC 3161, 3.4).

The only module of the package that opens a connection, and only the issuer's side calls it.
"""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    decode_timestamp_response,
)

from attestations.errors import TimestampUnavailable

MAX_RESPONSE: Final = 65536  # bytes

_GRANTED = 0


def request_timestamps(
    envelope: bytes, authorities: Sequence[str], *, wanted: int = 1, timeout: float = 10.0
) -> tuple[bytes, ...]:
    """Return `wanted` time-stamp responses over an envelope's bytes, one an authority.

    `authorities` are URLs, asked in order until enough have answered; `timeout` is in seconds,
    for each. Raises :class:`TimestampUnavailable` if fewer answer.
    """
    responses: list[bytes] = []
    troubles: list[str] = []
    for url in dict.fromkeys(authorities):
        if len(responses) == wanted:
            break
        try:
            responses.append(request_timestamp(envelope, url, timeout=timeout))
        except TimestampUnavailable as error:
            troubles.append(error.message)
    if len(responses) < wanted:
        raise TimestampUnavailable(
            "; ".join(troubles) or "too few time-stamping authorities are configured",
            hint="check the authorities' addresses, or add the timestamp later",
        )
    return tuple(responses)


def request_timestamp(envelope: bytes, url: str, *, timeout: float = 10.0) -> bytes:
    """Return one authority's response. Raises :class:`TimestampUnavailable`."""
    where = urlsplit(url)
    if where.scheme not in {"http", "https"} or not where.hostname:
        raise TimestampUnavailable("a time-stamping authority's address is not an http(s) URL")
    query = (
        TimestampRequestBuilder()
        .data(envelope)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    try:
        response = _post(url, query.as_bytes(), timeout)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise TimestampUnavailable(f"{where.hostname} gave no timestamp: {reason}") from None
    trouble = _trouble(response, query, envelope)
    if trouble:
        raise TimestampUnavailable(f"{where.hostname} gave no timestamp: {trouble}")
    return response


def _post(url: str, body: bytes, timeout: float) -> bytes:
    # An opener of our own: no redirects, no file: or ftp:.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(  # noqa: S310 -- the scheme was checked
        url, data=body, headers={"Content-Type": "application/timestamp-query"}
    )
    deadline = time.monotonic() + timeout
    with opener.open(request, timeout=timeout) as answer:
        kind = answer.headers.get_content_type()
        if kind != "application/timestamp-reply":
            raise ValueError("the answer is not a timestamp reply")
        response = b""
        while chunk := answer.read1(MAX_RESPONSE):
            response += chunk
            if len(response) > MAX_RESPONSE:
                raise ValueError("the answer is too long")
            if time.monotonic() > deadline:  # bytes that drip keep a socket's time-out quiet
                raise TimeoutError("timed out")
    return response


def _trouble(response: bytes, query: TimeStampRequest, envelope: bytes) -> str:
    """Return what is wrong with an answer; trust in it is the auditor's to decide."""
    try:
        parsed = decode_timestamp_response(response)
        if parsed.status != _GRANTED:
            return f"refused with status {parsed.status}"
        info = parsed.tst_info
    except (ValueError, TypeError):
        return "the answer cannot be read"
    if info.nonce != query.nonce:
        return "the answer is to another request"
    if info.message_imprint.message != hashlib.sha256(envelope).digest():
        return "the answer is for something else"
    return ""
