"""The HTTP of OpenBao and HashiCorp Vault: one request, its answer, and what can go wrong.

The access token is read anew for each request, so that one that an agent renews is the newest. A
redirection is not followed: it would take the token to a host that nobody named.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from shredder.keystores.address import address_of
from shredder.keystores.errors import NoAccess, ServiceUnusable

ACCESS_TOKEN = "SHREDDER_KEYS_ACCESS_TOKEN"  # noqa: S105 - the name of the variable
_MOST = 1 << 20  # bytes of an answer
_SECONDS = 30.0
_FOUND, _LEADS_ON = range(200, 300), range(300, 400)
_REFUSED, _ABSENT, _TOO_MANY, _SEALED = 403, 404, 429, 503
_ASKS = {"GET": "read", "POST": "create` or `update", "DELETE": "delete"}  # what a policy calls it


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says: the status, what is in `data`, and its errors' texts."""

    status: int
    data: Mapping[str, object]
    errors: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.status in _FOUND

    @property
    def absent(self) -> bool:
        """Whether there is nothing under this path; a path that leads nowhere says more."""
        return self.status == _ABSENT and not self.errors


class VaultHttp:
    """One server. Every method raises NoAccess, ServiceUnusable."""

    def __init__(
        self,
        address: str,
        *,
        token: str | None,
        token_file: Path | None = None,
        namespace: str = "",
        ca_file: Path | None = None,
    ) -> None:
        """`address`: ``https://HOST:PORT``; `ca_file`: of who issued its certificate, in PEM.

        Raises UsageError for an address that keys may not pass to.
        """
        self._url = address_of(address, "server of keys", "address")
        self._host = self._url.hostname or ""
        self._token = token
        self._token_file = token_file
        self._namespace = namespace
        self._ca_file = ca_file

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send one request to a path below ``/v1/``. Raises also for what no caller waits for."""
        answer = self._heard(method, path, body)
        if answer.status == _REFUSED:
            raise self._refused(method, path)
        return answer

    def _refused(self, method: str, path: str) -> NoAccess:
        """Why the server refuses: it does not know the access token, or that may not do this."""
        known = self._heard("GET", "auth/token/lookup-self", None)
        if known.ok:
            return NoAccess(
                f"the access token may not do this: `{_ASKS[method]}` on {path}",
                hint="docs/commands.md has the policy that it needs",
            )
        if known.status == _REFUSED:
            return NoAccess(
                "the server of keys does not take the access token: it is wrong, or has expired",
                hint=f"it is read from `access_file` in [keys], else from {ACCESS_TOKEN}",
            )
        raise ServiceUnusable(
            f"the server of keys answers {known.status}", hint="its own log has the reason"
        )

    def _heard(self, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        """The answer to one request. Raises for what says nothing of what was asked."""
        answer = self._sent(method, path, body)
        if answer.status in _LEADS_ON:
            raise ServiceUnusable(
                "the server of keys leads elsewhere, and its lead is not followed",
                hint="name the server that is active, or what stands before it, as `address`",
            )
        if answer.status == _SEALED:
            raise ServiceUnusable(
                "the server of keys is sealed, or not yet ready",
                hint="have those unseal it who can, then repeat the command",
            )
        if answer.status == _TOO_MANY:
            raise ServiceUnusable(
                "the server of keys is asked too much", hint="wait, then repeat the command"
            )
        return answer

    def _sent(self, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        headers = {"X-Vault-Token": self._access(), "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        content = None if body is None else json.dumps(body)
        try:
            with closing(self._connection()) as connection:
                connection.request(method, quote(f"/v1/{path}"), content, headers)
                response = connection.getresponse()
                return _answer(response.status, response.read(_MOST))
        except ssl.SSLCertVerificationError:
            raise ServiceUnusable(
                "the certificate of the server of keys is not trusted here",
                hint="name who issued it as `ca_file` in [keys]",
            ) from None
        except (OSError, http.client.HTTPException):
            raise ServiceUnusable(
                "the server of keys cannot be reached, or broke off",
                hint="what was begun goes on when the command is repeated; see `address` in [keys]",
            ) from None

    def _connection(self) -> http.client.HTTPConnection:
        if self._url.scheme == "http":
            return http.client.HTTPConnection(self._host, self._url.port, timeout=_SECONDS)
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except OSError:
            raise ServiceUnusable(
                "the certificates in `ca_file` of [keys] cannot be read",
                hint="it names a file in PEM, of who issued the server's certificate",
            ) from None
        return http.client.HTTPSConnection(
            self._host, self._url.port, timeout=_SECONDS, context=context
        )

    def _access(self) -> str:
        """The access token. Raises NoAccess."""
        token = self._token or ""
        if self._token_file is not None:
            try:
                token = self._token_file.read_text("ascii").strip()
            except (OSError, UnicodeDecodeError):
                token = ""
        if not token or not token.isascii() or not token.isprintable():
            raise NoAccess(
                "the server of keys wants an access token, and there is none",
                hint=f"it is read from `access_file` in [keys], else from {ACCESS_TOKEN}",
            )
        return token


def _answer(status: int, content: bytes) -> Answer:
    try:
        said = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ServiceUnusable(
            "what answers there is no server of keys", hint="see `address` in [keys]"
        )
    data, errors = said.get("data"), said.get("errors")
    return Answer(
        status,
        data if isinstance(data, dict) else {},
        tuple(str(each) for each in errors) if isinstance(errors, list) else (),
    )
