"""A key in AWS KMS: ECC_NIST_P256, ECDSA_SHA_256 over a digest.

Credentials come from boto3's own chain. A statement never goes to the service, only its digest.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from attestations.errors import KeyUnusable
from attestations.keys import Algorithm, PublicKey
from attestations.signing.checked import checked, of_spki

_WHO: Final = "AWS KMS"
_ALGORITHM: Final = "ECDSA_SHA_256"
_SECONDS: Final = 20

_TROUBLES: Final = {
    "AccessDeniedException": ("not allowed", "the role needs kms:Sign and kms:GetPublicKey"),
    "NotFoundException": ("there is no such key", "is it in this region and account?"),
    "DisabledException": ("the key is disabled", "enable it, or name another"),
    "KMSInvalidStateException": ("the key is waiting to be deleted", "name another"),
    "InvalidKeyUsageException": ("the key does not sign", "make one with SIGN_VERIFY"),
    "ExpiredTokenException": ("the credentials have expired", "get fresh ones"),
    "UnrecognizedClientException": ("the credentials are not known", "see ~/.aws and AWS_*"),
}


class KmsSigner:
    """Signs with a key that never leaves the service."""

    def __init__(self, client: Any, key: str) -> None:
        """Take a KMS client of boto3 and a key's id, ARN or alias. Raises KeyUnusable."""
        self._client = client
        self._key = key
        shown = self._ask("get_public_key", KeyId=key)
        if shown["KeyUsage"] != "SIGN_VERIFY" or _ALGORITHM not in shown["SigningAlgorithms"]:
            raise KeyUnusable(f"{_WHO}: the key does not sign by ECDSA on P-256")
        self._public = of_spki(shown["PublicKey"], _WHO)
        if self._public.algorithm is not Algorithm.ECDSA_P256:
            raise KeyUnusable(f"{_WHO}: the key does not sign by ECDSA on P-256")

    @classmethod
    def open(
        cls, key: str, *, region: str | None = None, endpoint_url: str | None = None
    ) -> KmsSigner:
        """Use a key by its id, ARN or alias. Raises :class:`KeyUnusable`."""
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore.config import Config  # noqa: PLC0415 - an extra
            from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - an extra
        except ImportError:
            raise KeyUnusable(
                f"{_WHO}: no driver here", hint="install the extra `kms`: boto3"
            ) from None
        retries: Any = {"mode": "standard", "total_max_attempts": 3}
        limits = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries=retries)
        try:
            session: Any = boto3.session.Session()
            client = session.client(
                "kms", region_name=region, endpoint_url=endpoint_url, config=limits
            )
        except (BotoCoreError, ValueError) as error:
            raise KeyUnusable(
                f"{_WHO}: no client can be made: {type(error).__name__}",
                hint="is the region named?",
            ) from None
        return cls(client, key)

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies, as the service shows it."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign: DER by ECDSA. Raises :class:`KeyUnusable`."""
        answer = self._ask(
            "sign",
            KeyId=self._key,
            Message=hashlib.sha256(message).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=_ALGORITHM,
        )
        return checked(answer["Signature"], message, self._public, _WHO)

    def _ask(self, what: str, **asked: str | bytes) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra

        try:
            return getattr(self._client, what)(**asked)
        except ClientError as error:
            # The service's own message names the key and the account: only its code is told.
            code = str(error.response.get("Error", {}).get("Code", "no code"))
            trouble, hint = _TROUBLES.get(code, (f"it answers {code[:60]}", ""))
            raise KeyUnusable(f"{_WHO}: {trouble}", hint=hint) from None
        except BotoCoreError as error:
            raise KeyUnusable(
                f"{_WHO}: not to be asked: {type(error).__name__}",
                hint="credentials, region and network are as boto3 finds them",
            ) from None
