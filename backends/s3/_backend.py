"""Settings of a store, checked before the driver loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from backends.contract import Context, Setting, Store
from backends.errors import MissingDriver, SettingError
from backends.seaweedfs.settings import ServerSettings

WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``[stores.NAME]`` says."""

    buckets: tuple[str, ...]
    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    exclude: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""

    @classmethod
    def parse(cls, name: str, raw: Mapping[str, object]) -> Self:
        """Check what the types alone do not tell. Raises SettingError."""
        settings = cls(
            buckets=_texts(raw.get("buckets")),
            endpoint_url=str(raw.get("endpoint_url", "")),
            region=str(raw.get("region", "")),
            profile=str(raw.get("profile", "")),
            exclude=_texts(raw.get("exclude")),
            encoding=_encoding(name, str(raw.get("encoding", ""))),
            delimiter=str(raw.get("delimiter", "")),
        )
        if not settings.buckets or "" in settings.buckets:
            raise SettingError(
                f"store {name}: buckets names no bucket",
                hint='name the buckets, or all that can be listed: buckets = ["*"]',
            )
        mark = settings.delimiter
        if mark and (len(mark) != 1 or not mark.isascii()):
            raise SettingError(f"store {name}: delimiter is not one ASCII character")
        if settings.endpoint_url:
            _check_endpoint(name, settings.endpoint_url)
        return settings


class S3Backend:
    """The backend ``s3``; see :class:`backends.contract.Backend`."""

    settings: Mapping[str, Setting] = {
        "endpoint_url": Setting.TEXT,
        "buckets": Setting.TEXTS,
        "region": Setting.TEXT,
        "exclude": Setting.TEXTS,
        "profile": Setting.TEXT,
        "encoding": Setting.TEXT,
        "delimiter": Setting.TEXT,
        "server": Setting.TEXT,
        "master": Setting.TEXT,
        "filer": Setting.TEXT,
        "data_directory": Setting.TEXT,
        "server_logs": Setting.TEXTS,
        "scrub": Setting.FLAG,
        "scrub_reserve": Setting.TEXT,
        "scrub_seconds": Setting.NUMBER,
    }
    required: frozenset[str] = frozenset({"buckets"})

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> Store:
        """Open a store; nothing is asked of the server yet."""
        parsed = Settings.parse(name, settings)
        server = ServerSettings.parse(name, settings, context.base)
        seen = server is not None and server.data_directory is not None
        try:
            from backends.s3._store import open_store  # noqa: PLC0415 - loads boto3
        except ModuleNotFoundError as error:
            if error.name not in {"boto3", "botocore"}:
                raise
            raise MissingDriver(
                f"store {name}: boto3 is not installed",
                hint="install the extra: pip install 'shredder-toolkit[s3]'",
            ) from None
        store = open_store(name, parsed, quietly=seen)
        if server is None:
            return store
        from backends.seaweedfs.scrubbing import scrubbed  # noqa: PLC0415 - loads the openers
        from backends.seaweedfs.store import ResidueStore  # noqa: PLC0415

        beside = ResidueStore(store, server, context.tell)
        return scrubbed(beside, settings, context, server.data_directory)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _encoding(name: str, encoding: str) -> str:
    try:
        "".encode(encoding or "utf-8")  # codecs.lookup() knows some that are none of text
    except LookupError:
        raise SettingError(
            f"store {name}: encoding is not one that Python knows", hint='for example "cp1252"'
        ) from None
    return encoding


def _check_endpoint(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise SettingError(
            f"store {name}: endpoint_url is not an http or https URL",
            hint='for example endpoint_url = "https://s3.example.com"; leave it out for AWS',
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingError(
            f"store {name}: endpoint_url has more in it than a host, a port and a path",
            hint="credentials come from boto3's own chain: a profile, the environment, a role",
        )


BACKEND = S3Backend()
