"""Archive renewal: a new token over an envelope and all of its tokens, before they weaken.

A chain as in RFC 4998, 5.2 and 5.3: each renewal is over everything before it, and what it renews
was still valid at its time. It hashes the bytes themselves anew, by SHA-512, so that it is a
renewal of the hash as well, should SHA-256 weaken. What it makes good is a compromise of an
authority: a token that another, unharmed authority saw before that was not made by who came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509 import load_der_x509_certificate
from rfc3161_client import decode_timestamp_response

from attestations import _token
from attestations._der import NotDer
from attestations.bundle import Sealed
from attestations.errors import Code, TimeRefused
from attestations.timestamp import Stamp

DOMAIN: Final = b"shredder-renewal-v1"
DIGEST: Final = "sha512"


def covered(sealed: Sealed, number: int | None = None) -> bytes:
    """Return what a renewal is over, counted from 0; without a number, the next one.

    Every part has its kind and its length in bytes before it, so that no two lists of parts make
    the same bytes. The log's proof is no part: it is replaced as witnesses sign newer heads.
    """
    parts = [(b"envelope", sealed.envelope)]
    parts += [(b"timestamp", token) for token in sealed.timestamps]
    parts += [(b"renewal", token) for token in sealed.renewals[:number]]
    return DOMAIN + b"".join(b" %b %d %b" % (kind, len(data), data) for kind, data in parts)


def newest(sealed: Sealed) -> tuple[bytes, ...]:
    """Return the tokens that a next renewal must come in time for."""
    return sealed.renewals[-1:] or sealed.timestamps


def check_chain(timestamps: Sequence[Stamp], renewals: Sequence[Stamp], what: str) -> None:
    """Each renewal is no older than what it renews, and in time for it. Raises E_TS_WINDOW."""
    before = list(timestamps)
    last = before
    for renewal in renewals:
        if any(renewal.latest < stamp.earliest for stamp in before):
            raise TimeRefused(Code.E_TS_WINDOW, f"{what}: a renewal older than what it renews")
        if any(renewal.time > stamp.until for stamp in last):
            raise TimeRefused(
                Code.E_TS_WINDOW, f"{what}: a renewal after the end of a certificate it renews"
            )
        last = [renewal]
        before.append(renewal)


def standing(
    timestamps: Iterable[Stamp], renewals: Sequence[Stamp]
) -> tuple[list[Stamp], list[Stamp]]:
    """Part the timestamps that prove their time from those that a compromise took it from.

    A token by an authority that was compromised stands by a later one that stands and is older
    than the compromise. If only the operator's authorities uphold it, it is the operator's word.
    """
    later: list[Stamp] = []
    for renewal in reversed(renewals):
        upheld = _upheld(renewal, later)
        if upheld is not None:
            later.append(upheld)
    good, fallen = [], []
    for stamp in timestamps:
        upheld = _upheld(stamp, later)
        if upheld is None:
            fallen.append(stamp)
        else:
            good.append(upheld)
    return good, fallen


def _upheld(stamp: Stamp, later: Iterable[Stamp]) -> Stamp | None:
    lost = stamp.compromised_at
    if lost is None:
        return stamp
    by = [each for each in later if each.latest < lost]
    if not by:
        return None
    operators = all(each.operator_run for each in by)
    return replace(stamp, operator_run=stamp.operator_run or operators)


def told_end(sealed: Sealed) -> datetime | None:
    """Return when the first certificate of the newest tokens ends, as far as they show theirs.

    Nothing is verified: that takes a policy. None where no token shows its signer's certificate.
    """
    ends = [end for token in newest(sealed) for end in _ends(token)]
    return min(ends, default=None)


def _ends(response: bytes) -> list[datetime]:
    """Return the ends of the signer's certificate and of those above it, as embedded."""
    try:
        with _token.unpanicked():
            signed = decode_timestamp_response(response).signed_data
            (signer,) = signed.signer_infos
            left = list(map(load_der_x509_certificate, signed.certificates))
            name, number = signer.issuer, signer.serial_number
            chain = [c for c in left if (c.issuer, c.serial_number) == (name, number)][:1]
            while chain and (above := _above(chain[-1], left)) and above not in chain:
                chain.append(above)
            return [certificate.not_valid_after_utc for certificate in chain]
    except NotDer:
        return []


def _above(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    return next((each for each in candidates if each.subject == certificate.issuer), None)
