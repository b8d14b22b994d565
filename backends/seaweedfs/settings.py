"""Where a SeaweedFS is reached beside its S3 door, and where its files lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from backends.errors import SettingError

_KEYS = ("master", "filer", "data_directory")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`master` and `filer` are URLs; `filer` empty: the filer is left alone.

    `data_directory` is what the server has as ``-dir``, on this host; None: it is not looked at.
    `server_logs` are files that the server's log is written to, or folders of such.
    """

    master: str
    filer: str = ""
    data_directory: Path | None = None
    server_logs: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, name: str, raw: Mapping[str, object], base: Path) -> Self | None:
        """Check the settings of a store; None if it names no server. Raises SettingError."""
        server = str(raw.get("server", ""))
        given = {key: str(raw.get(key, "")) for key in _KEYS}
        named = raw.get("server_logs", ())
        logs = tuple(base / str(each) for each in named) if isinstance(named, list | tuple) else ()
        if not server:
            if any(given.values()) or logs or raw.get("scrub"):
                raise SettingError(
                    f"store {name}: {', '.join(_KEYS)}, server_logs and scrub need a server",
                    hint='server = "seaweedfs"',
                )
            return None
        if server != "seaweedfs":
            raise SettingError(
                f"store {name}: no such server is known", hint='server = "seaweedfs" is'
            )
        if not given["master"]:
            raise SettingError(
                f"store {name}: the server's master is not named",
                hint='for example master = "http://127.0.0.1:9333"',
            )
        for key in ("master", "filer"):
            if given[key]:
                _check_url(name, key, given[key])
        folder = base / given["data_directory"] if given["data_directory"] else None
        if folder is not None and not _all(Path.is_dir, [folder], name, "data_directory"):
            raise SettingError(
                f"store {name}: data_directory is not a folder here",
                hint="leave it out if the server runs on another host",
            )
        if folder is None and raw.get("scrub"):
            raise SettingError(
                f"store {name}: scrub needs to know where the server's files lie",
                hint="set data_directory",
            )
        if not _all(Path.exists, logs, name, "server_logs"):
            raise SettingError(
                f"store {name}: server_logs names what is not here",
                hint="give files or folders on this host; where they rotate, the folder",
            )
        return cls(given["master"].rstrip("/"), given["filer"].rstrip("/"), folder, logs)


def _all(kind: Callable[[Path], bool], paths: Sequence[Path], name: str, key: str) -> bool:
    """Whether all are what they should be. Raises SettingError where this user cannot know."""
    try:
        return all(map(kind, paths))
    except PermissionError:
        raise SettingError(
            f"store {name}: {key} lies where this user may not look",
            hint="run as root or as the server's user, or leave it out",
        ) from None


def _check_url(name: str, key: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise SettingError(
            f"store {name}: {key} is not an http or https URL of a host",
            hint=f'for example {key} = "http://127.0.0.1:8888"',
        )
