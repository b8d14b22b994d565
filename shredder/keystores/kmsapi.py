"""AWS KMS and STS by boto3: a client a region, and what can go wrong, in the operator's words.

Credentials come from boto3's own chain. The service's own messages name keys and accounts, so only
its codes are told. What each operation may answer is in the KMS API Reference, version 2014-11-01.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shredder.keystores.address import address_of
from shredder.keystores.errors import ServiceUnusable

_SECONDS, _TRIES = 20, 5
# Where the answer to this is lost, the driver's second try would make a second key, and the first
# would stand in no record. A command repeated finds it by its description.
_TRIED_ONCE: Final = frozenset({"create_key"})

# What tells of a key's state, and not of trouble.
NOT_FOUND: Final = "NotFoundException"
INVALID_STATE: Final = "KMSInvalidStateException"
DISABLED: Final = "DisabledException"
NOT_BY_THIS_KEY: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
DENIED: Final = "AccessDeniedException"

_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    NOT_FOUND: ("has no such key", "is it another account's or Region's?"),
    INVALID_STATE: ("has the key in a state that forbids it", "see `aws kms describe-key`"),
    DISABLED: ("has the key disabled", "enable it: `aws kms enable-key`"),
    "ExpiredTokenException": ("does not take the credentials any more", "get fresh ones"),
    "UnrecognizedClientException": ("does not know the credentials", "see ~/.aws and AWS_*"),
    "InvalidClientTokenId": ("does not know the credentials", "see ~/.aws and AWS_*"),
    "ThrottlingException": ("is asked too often by this account", "repeat the command later"),
    "LimitExceededException": ("has no room for another key", "see the account's quotas"),
    "KeyUnavailableException": ("has the key not at hand", "repeat the command later"),
    "DependencyTimeoutException": ("did not answer in time", "repeat the command later"),
    "KMSInternalException": ("failed", "repeat the command later"),
}


class Refused(Exception):
    """KMS answered an operation with one of the codes that its caller can do with."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Service:
    """KMS in all Regions of one account. Every method raises ServiceUnusable."""

    def __init__(self, region: str, endpoint_url: str = "") -> None:
        """`region`: where keys are made; `endpoint_url`: for another than AWS's own.

        Raises UsageError for an address that keys may not pass to.
        """
        if endpoint_url:
            address_of(endpoint_url, "key service", "endpoint_url")
        self.region = region
        self._endpoint = endpoint_url or None
        self._session: Any = None
        self._clients: dict[tuple[str, str, int], Any] = {}
        self._account = ""
        self._lock = threading.Lock()

    def account(self) -> str:
        """``PARTITION:ACCOUNT`` of the credentials, as STS tells it: that takes no permission."""
        if not self._account:
            arn = str(self._call("sts", self.region, "get_caller_identity", (), {})["Arn"])
            _, partition, _, _, number, *_ = arn.split(":")
            self._account = f"{partition}:{number}"
        return self._account

    def ask(self, operation: str, *, codes: tuple[str, ...] = (), **asked: Any) -> Any:
        """Have KMS do something, in the Region of the key's ARN if one is given.

        Raises Refused with one of `codes`, which are no trouble to the caller.
        """
        return self._call("kms", region_of(asked.get("KeyId", "")) or self.region,
                          operation, codes, asked)  # fmt: skip

    def list_keys(self, region: str) -> Iterator[str]:
        """The ARNs of all keys of the account in one Region."""
        marker: dict[str, Any] = {}
        while True:
            page = self._call("kms", region, "list_keys", (), marker)
            yield from (str(each["KeyArn"]) for each in page["Keys"])
            if not page.get("Truncated"):
                return
            marker = {"Marker": page["NextMarker"]}

    def _call(
        self, service: str, region: str, operation: str, codes: tuple[str, ...], asked: Any
    ) -> Any:
        client = self._client(service, region, 1 if operation in _TRIED_ONCE else _TRIES)
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - an extra

        try:
            return getattr(client, operation)(**asked)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "no code"))
            if code in codes:
                raise Refused(code) from None
            if code == DENIED:
                action = "".join(word.capitalize() for word in operation.split("_"))
                raise ServiceUnusable(
                    f"AWS KMS does not allow {service}:{action} to these credentials",
                    hint="allow it in the key's policy or the role's, then repeat the command",
                ) from None
            trouble, hint = _TROUBLES.get(code, (f"answers {code[:60]}", ""))
            raise ServiceUnusable(f"AWS KMS {trouble}", hint=hint) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise ServiceUnusable(
                f"AWS KMS cannot be asked: {type(error).__name__}",
                hint="credentials, Region and network are as boto3 finds them",
            ) from None

    def _client(self, service: str, region: str, tries: int) -> Any:
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore.config import Config  # noqa: PLC0415 - an extra
            from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - an extra
        except ImportError:
            raise ServiceUnusable(
                "no driver for AWS KMS here", hint="install the extra `kms`: boto3"
            ) from None
        retries: Any = {"mode": "standard", "total_max_attempts": tries}
        limits = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries=retries)
        with self._lock:  # a session is not to be used by two threads, a client is
            if (service, region, tries) not in self._clients:
                try:
                    self._session = self._session or boto3.session.Session()
                    self._clients[service, region, tries] = self._session.client(
                        service, region_name=region, endpoint_url=self._endpoint, config=limits
                    )
                except (BotoCoreError, ValueError) as error:
                    raise ServiceUnusable(
                        f"no client of AWS KMS can be made: {type(error).__name__}",
                        hint="see `region` and `endpoint_url` in [keys]",
                    ) from None
            return self._clients[service, region, tries]


def region_of(arn: str) -> str:
    """The Region that an ARN names; empty: it is none."""
    parts = arn.split(":")
    return parts[3] if len(parts) == _PARTS else ""


_PARTS = 6  # arn:PARTITION:kms:REGION:ACCOUNT:key/ID
