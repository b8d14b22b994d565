"""What a server's or the driver's error means: whose it is, and that it is never absence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from urllib3.exceptions import HTTPError

from backends.errors import AccessDenied, BackendError, CouldNotTell, Unreachable

GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404", "NotFound"})
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidToken",
        "NotSignedUp",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_UNSUPPORTED = frozenset({"NotImplemented", "NotImplementedError", "XNotImplemented", "501"})
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
_CHAIN = "credentials come from boto3's own chain: the environment, a profile, a role"


def code_of(error: ClientError) -> str:
    """The server's error code; the HTTP status where an answer has no body (HEAD)."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status; 0 if there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_gone(error: ClientError) -> bool:
    """Whether the server says that this key, version or upload is not there.

    A missing bucket is not meant: of what was in it nothing is known.
    """
    return code_of(error) in GONE


def is_denied(error: ClientError) -> bool:
    """Whether the server refuses this request to these credentials, which it knows."""
    return status_of(error) in {401, 403} and code_of(error) not in _BAD_CREDENTIALS


def is_unsupported(error: ClientError) -> bool:
    """Whether the server does not know this kind of request."""
    return code_of(error) in _UNSUPPORTED or status_of(error) in {405, 501}


def translated(error: Exception, where: str) -> BackendError:
    """The project's error for one of the driver's.

    `where` is a store's name, with a bucket's where there is one. The server's own message is
    not passed on: it can hold a key.
    """
    if isinstance(error, BackendError):
        return error
    if isinstance(error, _NO_CREDENTIALS):
        return AccessDenied(f"{where}: no usable credentials", hint=_CHAIN)
    if not isinstance(error, ClientError):
        kind = type(error).__name__
        if isinstance(error, ParamValidationError):
            return CouldNotTell(f"{where}: the driver refuses the request ({kind})")
        return Unreachable(
            f"{where}: the server gave no usable answer ({kind})",
            hint="is endpoint_url right, and does the server run?",
        )
    code, status = code_of(error), status_of(error)
    said = code if code.isalnum() and len(code) <= 64 else f"HTTP {status}"
    if code in _BAD_CREDENTIALS:
        return AccessDenied(f"{where}: the credentials are refused ({said})", hint=_CHAIN)
    if status in {401, 403} or code == "AllAccessDisabled":
        return AccessDenied(
            f"{where}: the server refuses the request ({said})",
            hint="'shredder doctor' lists the rights that are needed",
        )
    if code == "NoSuchBucket":
        return CouldNotTell(f"{where}: there is no such bucket", reason="no-such-bucket")
    if is_unsupported(error):
        return CouldNotTell(f"{where}: the server cannot do this ({said})", reason="unsupported")
    if status >= 500 or code in {"SlowDown", "RequestTimeout", "Throttling", "InternalError"}:
        return Unreachable(f"{where}: the server fails ({said})", hint="try again later")
    return CouldNotTell(f"{where}: the server refuses the request ({said})")


@contextmanager
def speaking(where: str) -> Iterator[None]:
    """Turn whatever the driver raises into one of :mod:`backends.errors`."""
    try:
        yield
    except (BotoCoreError, ClientError, HTTPError, OSError) as error:
        raise translated(error, where) from None
