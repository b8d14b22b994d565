"""RFC 3161 timestamps, verified offline and as at the time they tell.

``rfc3161-client`` (1.0.9) checks the status, the CMS signature and its chain to our roots at the
token's time, the pinned certificate, that the EKU is critical and holds timeStamping, and the
imprint. It does not check, and this does: that the imprint is SHA-256; that there is exactly one
signer, with a digest of the SHA-2 family; that the certificate is the one that the signature
names (ESSCertID); that timeStamping is its only purpose (RFC 3161, 2.3); that no two embedded
certificates claim the signer's name and number; that no critical extension goes unread. The
chain is walked once more with ``cryptography``, to tell an untrusted chain from one out of date.

Each token is judged by itself here; what renewals do for older ones is in ``renewal``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import TimeStampResponse, VerifierBuilder

from attestations import _token
from attestations._der import NotDer
from attestations.errors import Code, TimeRefused

MAX_CHAIN = 5
GRANTED = 0
MAX_ACCURACY = timedelta(hours=1)

#: What a token without an accuracy is taken to mean (RFC 3161, 2.4.2 leaves it to the policy).
DEFAULT_ACCURACY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A TSA that an auditor trusts, with either its certificates or its policies pinned."""

    name: str
    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    leaves: tuple[x509.Certificate, ...] = ()
    policies: frozenset[str] = frozenset()
    compromised_at: datetime | None = None
    operator_run: bool = False


@dataclass(frozen=True, slots=True)
class Stamp:
    """A verified timestamp: the bytes existed by `time`, give or take `accuracy`.

    `until` is when the first certificate of its chain ends. From `compromised_at` on, another may
    make tokens like it, of any time; None if the policy knows of nothing.
    """

    authority: str
    time: datetime
    accuracy: timedelta
    operator_run: bool
    until: datetime
    compromised_at: datetime | None = None

    @property
    def earliest(self) -> datetime:
        """The earliest moment that the token may mean."""
        return self.time - self.accuracy

    @property
    def latest(self) -> datetime:
        """The latest moment that the token may mean."""
        return self.time + self.accuracy


@dataclass(frozen=True, slots=True)
class _Read:
    """A response, parsed but not yet trusted."""

    response: TimeStampResponse
    token: _token.Token
    embedded: tuple[x509.Certificate, ...]
    issuer: x509.Name
    serial: int
    policy: str
    accuracy: timedelta
    imprint: tuple[str, bytes]  # the digest's name, empty if it is none of ours, and its value


class UnknownAuthority(TimeRefused):
    """The token is none of the authorities' that the policy names."""


def verify(
    response: bytes,
    message: bytes,
    authorities: Sequence[Authority],
    *,
    now: datetime,
    digest: str = "sha256",
) -> Stamp:
    """Verify a time-stamp response over `message`. Raises :class:`TimeRefused` (E_TS_…).

    `digest` names the one that the imprint must be of. The first authority that fits is taken.
    """
    read = _read(response)
    if read.imprint != (digest, hashlib.new(digest, message).digest()):
        raise TimeRefused(Code.E_TS_IMPRINT, "a timestamp of something else")
    stranger = UnknownAuthority(Code.E_TS_CHAIN, "a timestamp by an authority not in the policy")
    refusal: TimeRefused = stranger
    for authority in authorities:
        try:
            return _verify_by(authority, read, now)
        except UnknownAuthority:
            continue
        except TimeRefused as refused:  # it is this one's, or pretends to be
            refusal = refused
    raise refusal


def _read(response: bytes) -> _Read:
    try:
        token, parsed = _token.decode(response)
        with _token.unpanicked():
            info = parsed.tst_info
            imprint = info.message_imprint
            (signer,) = parsed.signed_data.signer_infos
            read = _Read(
                response=parsed,
                token=token,
                embedded=tuple(map(load_der_x509_certificate, parsed.signed_data.certificates)),
                issuer=signer.issuer,
                serial=signer.serial_number,
                policy=info.policy.dotted_string,
                accuracy=_accuracy(parsed),
                imprint=(
                    _token.DIGESTS.get(imprint.hash_algorithm.dotted_string, ""),
                    imprint.message,
                ),
            )
            agree = info.gen_time == token.gen_time.replace(microsecond=0)
    except NotDer:
        raise TimeRefused(Code.E_TS_PARSE, "a timestamp that cannot be read") from None
    if not agree:
        raise TimeRefused(Code.E_TS_PARSE, "a timestamp whose time reads in two ways")
    if token.status != GRANTED:
        raise TimeRefused(Code.E_TS_POLICY, "a timestamp that was not granted as asked")
    return read


def _accuracy(response: TimeStampResponse) -> timedelta:
    # The library's types say that it is always there; it is optional (RFC 3161, 2.4.2).
    accuracy: Any = response.tst_info.accuracy
    if accuracy is None:
        return DEFAULT_ACCURACY
    stated = timedelta(
        seconds=accuracy.seconds or 0,
        milliseconds=accuracy.millis or 0,
        microseconds=accuracy.micros or 0,
    )
    if stated > MAX_ACCURACY:
        raise NotDer("an accuracy that says nothing of the time")
    return stated


def _verify_by(authority: Authority, read: _Read, now: datetime) -> Stamp:
    try:
        with _token.unpanicked(passing=TimeRefused):
            until = _check_signer(authority, read)
    except NotDer:
        raise TimeRefused(Code.E_TS_CHAIN, "a timestamp whose signature does not hold") from None
    if authority.policies and read.policy not in authority.policies:
        raise TimeRefused(Code.E_TS_POLICY, "a timestamp under another policy of the authority's")
    when = read.token.gen_time
    if when > now + read.accuracy:
        raise TimeRefused(Code.E_TS_WINDOW, "a timestamp of the future")
    return Stamp(
        authority=authority.name,
        time=when,
        accuracy=read.accuracy,
        operator_run=authority.operator_run,
        until=until,
        compromised_at=authority.compromised_at,
    )


def _check_signer(authority: Authority, read: _Read) -> datetime:
    """Return when the first certificate of the chain ends."""
    leaf = _leaf(authority, read)
    _check_purpose(leaf)
    _check_named(leaf, read.token)
    when = read.token.gen_time
    chain = _chain(leaf, authority, read.embedded)
    for certificate in chain:
        if not certificate.not_valid_before_utc <= when <= certificate.not_valid_after_utc:
            raise TimeRefused(Code.E_TS_WINDOW, "a certificate was not valid at its own timestamp")
    verifier = VerifierBuilder(
        roots=list(authority.roots),
        intermediates=list(authority.intermediates),
        # Only a pinned one: the library takes it for trusted.
        tsa_certificate=leaf if authority.leaves else None,
    ).build()
    verifier.verify(read.response, read.imprint[1])
    return min(certificate.not_valid_after_utc for certificate in chain)


def _leaf(authority: Authority, read: _Read) -> x509.Certificate:
    """Return the signer's certificate, as pinned or, where policies are, as embedded."""
    named = [
        certificate
        for certificate in dict.fromkeys((*read.embedded, *authority.leaves))
        if certificate.issuer == read.issuer and certificate.serial_number == read.serial
    ]
    if len(named) != 1 or (authority.leaves and named[0] not in authority.leaves):
        raise UnknownAuthority(Code.E_TS_CHAIN, "a timestamp by an authority not in the policy")
    return named[0]


def _check_purpose(leaf: x509.Certificate) -> None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        raise TimeRefused(Code.E_TS_CHAIN, "the authority's certificate has no EKU") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TimeRefused(
            Code.E_TS_CHAIN, "the authority's certificate is not for time-stamping alone"
        )


def _check_named(leaf: x509.Certificate, token: _token.Token) -> None:
    der = leaf.public_bytes(Encoding.DER)
    if not token.ess or any(hashlib.new(name, der).digest() != value for name, value in token.ess):
        raise TimeRefused(Code.E_TS_CHAIN, "the signature names another certificate")


def _chain(
    leaf: x509.Certificate, authority: Authority, embedded: Iterable[x509.Certificate]
) -> list[x509.Certificate]:
    """Return the certificates from the leaf to one of the authority's roots."""
    helpers = dict.fromkeys((*authority.intermediates, *embedded))
    chain = [leaf]
    while chain[-1] not in authority.roots:
        if len(chain) > MAX_CHAIN:
            raise UnknownAuthority(Code.E_TS_CHAIN, "a chain that leads to no root of the policy")
        issuer = next(_issuers(chain[-1], (*authority.roots, *helpers)), None)
        if issuer is None or issuer in chain:
            raise UnknownAuthority(Code.E_TS_CHAIN, "a chain that leads to no root of the policy")
        chain.append(issuer)
    return chain


def _issuers(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> Iterator[x509.Certificate]:
    for candidate in candidates:
        if candidate.subject != certificate.issuer:
            continue
        try:
            certificate.verify_directly_issued_by(candidate)
            may = candidate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        except x509.ExtensionNotFound:
            continue
        if not may:
            continue
        yield candidate
