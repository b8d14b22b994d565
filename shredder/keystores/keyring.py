"""The desktop session's keyring: for each key that it wraps an item of 32 random bytes.

It is asked by the freedesktop Secret Service API, over the session's bus; gnome-keyring, KWallet
and KeePassXC answer to that. The driver is the package SecretStorage. The keyring is asked anew
each time, and never to unlock: that would show a prompt, and there may be nobody to see it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from shredder.keystores.errors import KeyringUnusable

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection
    from secretstorage import Collection, Item

_SECRET_BYTES = 32
_PATIENCE = 30.0  # seconds, for each answer
_TYPE = "application/octet-stream"
_SESSION: Final = "/org/freedesktop/secrets/collection/session"  # ends with the login
_UNLOCK = "unlock it, by logging in to the desktop or by the keyring's own program"


class Keyring:
    """The keyring of whoever runs this. Every method raises KeyringUnusable."""

    def require(self) -> None:
        """See that an item could be made now."""
        with _connected() as bus:
            _default(bus)

    def secret(self, key: str) -> bytes | None:
        """A key's item; None: there is none."""
        with _connected() as bus:
            found = _unlocked(bus, key)
            if len(found) > 1:
                raise KeyringUnusable(
                    f"the keyring has {len(found)} items of key {key}",
                    hint="leave the one that it was wrapped by; `shredder key destroy` removes all",
                )
            return found[0].get_secret() if found else None

    def make(self, key: str) -> bytes:
        """A key's item, made unless it is there, and read back."""
        secret = self.secret(key)
        if secret is None:
            secret = secrets.token_bytes(_SECRET_BYTES)
            with _connected() as bus:
                label = f"shredder key {key}"
                _default(bus).create_item(label, _attributes(key), secret, content_type=_TYPE)
        if len(secret) != _SECRET_BYTES or self.secret(key) != secret:
            raise KeyringUnusable("the keyring does not give back what was put into it")
        return secret

    def holds(self, key: str) -> bool:
        """Whether there is an item of a key, in whatever collection, be it locked."""
        with _connected() as bus:
            return bool(_items(bus, key))

    def removable(self, key: str) -> bool:
        """Whether there is an item of a key, and it could be removed now."""
        with _connected() as bus:
            return bool(_unlocked(bus, key))

    def remove(self, key: str) -> int:
        """Remove a key's items from all collections; returns how many there were."""
        with _connected() as bus:
            found = _unlocked(bus, key)
            for item in found:
                item.delete()
        if self.holds(key):
            raise KeyringUnusable(
                f"the keyring still has an item of key {key} that it was told to remove",
                hint="remove it by the keyring's own program, then repeat the command",
            )
        return len(found)


def _default(bus: DBusConnection) -> Collection:
    """Where new items go; unlocked, and there after the next login."""
    from secretstorage import (  # noqa: PLC0415 - an extra
        ItemNotFoundException,
        get_collection_by_alias,
    )

    try:
        collection = get_collection_by_alias(bus, "default")
    except ItemNotFoundException:
        collection = None
    if collection is None or collection.collection_path == _SESSION:
        raise KeyringUnusable(
            "the keyring has no default collection that outlives the session",
            hint="have its own program make one",
        )
    collection.ensure_not_locked()
    return collection


def _attributes(key: str) -> dict[str, str]:
    return {"application": "shredder", "key": key}


def _items(bus: DBusConnection, key: str) -> list[Item]:
    from secretstorage import search_items  # noqa: PLC0415 - an extra

    return list(search_items(bus, _attributes(key)))


def _unlocked(bus: DBusConnection, key: str) -> list[Item]:
    found = _items(bus, key)
    for item in found:
        item.ensure_not_locked()
    return found


@contextmanager
def _connected() -> Iterator[DBusConnection]:
    """The session's bus, and its errors in the operator's words."""
    try:
        from jeepney import DBusErrorResponse  # noqa: PLC0415 - an extra
        from secretstorage import (  # noqa: PLC0415 - an extra
            LockedException,
            PromptDismissedException,
            SecretServiceNotAvailableException,
            SecretStorageException,
            check_service_availability,
            dbus_init,
        )
    except ImportError:
        raise KeyringUnusable(
            "no driver for keyrings here", hint="install the extra `keyring`: SecretStorage"
        ) from None
    try:
        with closing(dbus_init()) as bus:
            if not check_service_availability(bus):
                raise _absent()
            # By itself it would wait for ever for one that hangs.
            bus.send_and_get_reply = partial(bus.send_and_get_reply, timeout=_PATIENCE)
            yield bus
    except (LockedException, PromptDismissedException):
        raise KeyringUnusable("the keyring is locked; nobody is asked here", hint=_UNLOCK) from None
    except (SecretServiceNotAvailableException, OSError, RuntimeError):  # the last: no such bus
        raise _absent() from None
    except (SecretStorageException, DBusErrorResponse) as error:
        raise KeyringUnusable(f"the keyring answers {_name(error)}", hint=_UNLOCK) from None


def _absent() -> KeyringUnusable:
    return KeyringUnusable(
        "no keyring answers here",
        hint="run it in the session of the user whose keyring it is; where there is no desktop, "
        "under `dbus-run-session` and gnome-keyring-daemon",
    )


def _name(error: Exception) -> str:
    """What kind of error it is; its text could name what is in the keyring."""
    name = str(getattr(error, "name", "") or type(error).__name__)
    return name.rpartition(".")[2]
