"""Reading ``shredder.toml``: strict, with the line in every message, and no secret in it."""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from backends.contract import Setting, SourceSpec
from shredder.config.lines import line_of
from shredder.config.model import (
    DESTROY,
    KEEP,
    KEYS,
    OPERATOR,
    ORIGINS,
    RECORD_KEYS,
    WINDOW_DAYS,
    YES,
    Approver,
    Config,
    DatasetConfig,
    Hold,
    KeysConfig,
    Location,
    LogConfig,
    Operator,
    Recipient,
    SignerConfig,
    StoreConfig,
)
from shredder.config.names import MARK
from shredder.config.places import clash
from shredder.config.secrets import secret_hint
from shredder.errors import UsageError
from shredder.registry import backend_settings
from shredder.statable import not_a_code, not_a_label, not_an_identifier, not_an_origin

T = TypeVar("T")

FILE_NAME = "shredder.toml"
ROLES = ("private", "person", "quasi")
_MOST_RECIPIENTS = 500  # that an attestation can name
_MOST_SIGNERS = 16  # that an envelope can hold
_OTHERS = ("approver", "validator")  # roles of keys that are never the operator's
_MOST_APPROVALS = 8  # beside as many signers at the most
_SIGNERS = {  # by kind: the keys that it needs, and those that it may have
    "file": ((), ("path",)),
    "pkcs11": (("module", "uri"), ()),
    "kms": (("key",), ("region", "endpoint_url")),
    "ssh-agent": (("public_key",), ()),
}
_KEY_STORES = {  # by kind, first the one left out: what it needs, and what it may have
    "file": ((), ("file", "erasure", "wrapping")),
    "pkcs11": (("module", "label"), ()),
    "aws-kms": (("region",), ("origin", "window_days", "multi_region", "endpoint_url")),
    "vault": (("address",), ("mount", "namespace", "ca_file", "access_file")),
}
_ERASURES = ("in-place", "best-effort")  # of keys
_WRAPPINGS = ("passphrase", "keyring")  # of keys in a file
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def chosen(explicit: Path | None) -> Path:
    """Which file is meant: ``--config``, else ``SHREDDER_CONFIG``, else ``./shredder.toml``."""
    return (explicit or Path(os.environ.get("SHREDDER_CONFIG") or FILE_NAME)).absolute()


def find(explicit: Path | None) -> Path:
    """The file to read; see `chosen`. Raises UsageError if it is not there."""
    path = chosen(explicit)
    try:
        there = path.is_file()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {_why(error)}") from error
    if not there:
        raise UsageError(
            f"no configuration at {path}",
            hint="write one with `shredder init`, or name it with --config or SHREDDER_CONFIG",
        )
    return path


def load(path: Path) -> Config:
    """Read a configuration. Raises UsageError with the line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {_why(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    except (ValueError, RecursionError):
        # A number of thousands of digits, lists a thousand deep: nobody means that.
        raise UsageError(f"{path} is not TOML that can be read") from None
    return _Reader(path, text).config(document)


def _why(error: Exception) -> str:
    return (error.strerror or "I/O error") if isinstance(error, OSError) else "not UTF-8"


class _Table:
    """One TOML table: every key is taken or refused."""

    def __init__(self, reader: _Reader, value: object, path: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            raise reader.error(path, "must be a table")
        self._reader = reader
        self._left: dict[str, object] = dict(value)
        self.path = path

    def text(self, key: str, default: str | None = None) -> str:
        return self._take(key, str, "a string", default)

    def word(self, key: str, words: tuple[str, ...]) -> str:
        if (value := self.text(key, words[0])) not in words:
            raise self._reader.error((*self.path, key), f"must be one of {words}")
        return value

    def stated(self, key: str, default: str, why_not: Callable[[str], str]) -> str:
        """A text that will stand in an attestation, and must have the form for it."""
        value = self.text(key, default)
        if trouble := why_not(value):
            raise self._reader.error((*self.path, key), trouble)
        return value

    def number(self, key: str, default: int, *, most: int, least: int = 1) -> int:
        value = self._take(key, int, "a whole number", default)
        if not least <= value <= most:
            raise self._reader.error((*self.path, key), f"must be {least} to {most}")
        return value

    def flag(self, key: str) -> bool:
        return self._take(key, bool, "true or false", default=False)

    def date(self, key: str) -> dt.date | None:
        value = self._left.pop(key, None)
        if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
            return value
        raise self._reader.error((*self.path, key), "must be a date, like 2027-01-31")

    def word_or_date(self, key: str, words: tuple[str, ...]) -> str:
        """One of some words, the first if it is left out; or a date in ISO 8601's form."""
        value = self._left.pop(key, words[0])
        if isinstance(value, str) and value in words:
            return value
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return value.isoformat()
        allowed = ", ".join(f'"{word}"' for word in words)
        message = f"must be {allowed}, or a date, like 2027-01-31"
        raise self._reader.error((*self.path, key), message)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key, list, "a list of strings", [])
        if not all(isinstance(item, str) for item in value):
            raise self._reader.error((*self.path, key), "must be a list of strings")
        return tuple(value)

    def tables(self, key: str) -> list[_Table]:
        value = self._take(key, list, "a list of tables", [])
        return [_Table(self._reader, item, (*self.path, key)) for item in value]

    def table(self, key: str) -> _Table:
        return _Table(self._reader, self._left.pop(key, {}), (*self.path, key))

    def named(self, key: str) -> list[_Table]:
        """The tables below `key`, by name: ``[stores.share]``."""
        group = self.table(key)
        for name in group.names():
            if not _NAME.fullmatch(name):
                raise self._reader.error(
                    (*group.path, name), "is no name: letters, digits, dot, dash and underscore"
                )
            if MARK in name:
                raise self._reader.error((*group.path, name), f"has {MARK!r} in it, which is ours")
        return [_Table(self._reader, value, (*group.path, name)) for name, value in group.items()]

    def names(self) -> list[str]:
        return list(self._left)

    def items(self) -> list[tuple[str, object]]:
        taken, self._left = self._left, {}
        return list(taken.items())

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def done(self, known: str) -> None:
        for key in self._left:
            raise self._reader.error((*self.path, key), "is not known", hint=f"known: {known}")

    def _take(self, key: str, kind: type[T], words: str, default: T | None) -> T:
        value = self._left.pop(key, default)
        if value is None:
            raise self._reader.error(self.path, f"lacks the key {key!r} ({words})")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._reader.error((*self.path, key), f"must be {words}")
        return value


def _meaning(path: tuple[str, ...]) -> str:
    """What a key means: below `columns` it is the name of a column, which may be any word."""
    return path[-1] if path and path[-2:-1] != ("columns",) else ""


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def error(self, key: tuple[str, ...], message: str, *, hint: str = "") -> UsageError:
        line = line_of(self._text, key)
        return UsageError(f"{self._path}:{line}: {'.'.join(key)} {message}", hint=hint)

    def config(self, document: Mapping[str, object]) -> Config:
        self._refuse_secrets(document, ())
        top = _Table(self, dict(document), ())
        operator = top.table("operator")
        timestamp = top.table("timestamp")
        stores = {t.path[-1]: self._store(t) for t in top.named("stores")}
        approvers = tuple(self._approver(t) for t in top.named("approvers"))
        datasets = {
            t.path[-1]: self._dataset(t, stores, len(approvers)) for t in top.named("datasets")
        }
        config = Config(
            path=self._path,
            state=self._path.parent / self._folder(top, "state", ".shredder"),
            controller=top.stated("controller", "unnamed controller", not_a_label),
            operator=Operator(
                operator.stated("role", "operator", not_a_code),
                operator.stated("reference", "unstated", not_an_identifier),
            ),
            stores=stores,
            datasets=datasets,
            recipients=tuple(self._recipient(t, datasets) for t in top.named("recipients")),
            authorities=timestamp.texts("authorities"),
            timestamp_timeout=timestamp.number("timeout_s", 20, most=600),
            timestamps_wanted=timestamp.number("wanted", 1, most=16),
            timestamp_policies=self._policies(timestamp.table("policy_oids")),
            log=self._log(top.table("log")) if "log" in top else None,
            approvers=approvers,
            names=self._path.parent / self._file(top, "names") if "names" in top else None,
            keys=self._keys(top.table("keys")),
            **self._signing(top),
        )
        operator.done("role, reference")
        timestamp.done("authorities, timeout_s, wanted, policy_oids")
        top.done(
            "controller, state, names, operator, approvers, stores, datasets, recipients, "
            "timestamp, log, signing, keys"
        )
        references = [config.operator.reference, *(each.reference for each in approvers)]
        for place, each in enumerate(approvers, start=1):
            if each.reference in references[:place]:
                # One person with two keys would be two approvers, or the operator's own.
                where = ("approvers", each.name, "reference")
                raise self.error(where, "is the operator's, or another approver's")
        if not all(map(_is_web_address, config.authorities)):
            raise self.error(("timestamp", "authorities"), "must be http:// or https:// URLs")
        known = set(config.authorities)
        if known and config.timestamps_wanted > len(known):
            raise self.error(("timestamp", "wanted"), "is more than there are authorities")
        if known and not set(config.timestamp_policies) <= known:
            raise self.error(("timestamp", "policy_oids"), "names a URL that is no authority's")
        for name in datasets:
            if sum(name in each.datasets for each in config.recipients) > _MOST_RECIPIENTS:
                raise self.error(("datasets", name), f"has more than {_MOST_RECIPIENTS} recipients")
        if trouble := clash(config):
            name, what, hint = trouble
            raise self.error(("stores", name, "roots"), what, hint=hint)
        return config

    def _log(self, table: _Table) -> LogConfig:
        elsewhere = "folder" in table
        folder = self._path.parent / self._folder(table, "folder", "unused")
        log = LogConfig(
            origin=table.stated("origin", "", not_an_origin),
            witnesses=table.texts("witnesses"),
            folder=folder if elsewhere else None,
        )
        table.done("origin, witnesses, folder")
        return log

    def _keys(self, table: _Table) -> KeysConfig:
        store = table.word("store", tuple(_KEY_STORES))
        needed, possible = _KEY_STORES[store]
        if store != KeysConfig().store:
            names = (*needed, *(name for name in possible if name in table))
            settings = {name: self._key_setting(table, name) for name in names}
            table.done(", ".join(("store", *needed, *possible)))
            return KeysConfig(store, settings=settings)
        file = self._path.parent / self._file(table, "file") if "file" in table else None
        erasure, wrapping = table.word("erasure", _ERASURES), table.word("wrapping", _WRAPPINGS)
        table.done(", ".join(("store", *possible)))
        best_effort, by_keyring = erasure != _ERASURES[0], wrapping != _WRAPPINGS[0]
        return KeysConfig(file=file, best_effort=best_effort, by_keyring=by_keyring)

    def _key_setting(self, table: _Table, name: str) -> str:
        if name == "window_days":
            least, most = WINDOW_DAYS
            return str(table.number(name, most, least=least, most=most))
        if name.endswith("_file"):
            return str(self._path.parent / self._file(table, name))
        if name == "multi_region":
            return YES if table.flag(name) else ""
        if (value := table.text(name)) not in ORIGINS and name == "origin":
            raise self.error((*table.path, name), f"must be one of {ORIGINS}")
        return value

    def _signing(self, top: _Table) -> dict[str, tuple[SignerConfig, ...]]:
        if "signing" not in top:
            return {}
        table = top.table("signing")
        signers = tuple(self._signer(inner) for inner in table.tables("signers"))
        table.done("signers")
        if not 0 < len(signers) <= _MOST_SIGNERS:
            raise self.error(("signing", "signers"), f"must name 1 to {_MOST_SIGNERS} signers")
        if not any(each.role == OPERATOR for each in signers):
            raise self.error(("signing", "signers"), f"must name one of the role {OPERATOR}")
        return {"signers": signers}

    def _signer(self, table: _Table) -> SignerConfig:
        kind = table.text("kind")
        if kind not in _SIGNERS:
            raise self.error((*table.path, "kind"), f"must be one of {tuple(_SIGNERS)}")
        needed, possible = _SIGNERS[kind]
        names = (*needed, *(name for name in possible if name in table))
        settings = {name: table.text(name) for name in names}
        role = table.stated("role", OPERATOR, not_a_code)
        table.done(", ".join(("kind", "role", *needed, *possible)))
        if role in _OTHERS:
            where = (*table.path, "role")
            raise self.error(where, f"is another person's: the operator signs as no {role}")
        return SignerConfig(kind, settings, role)

    def _file(self, table: _Table, key: str) -> str:
        value = table.text(key)
        if not value:
            raise self.error((*table.path, key), "is no file's name")
        return value

    def _approver(self, table: _Table) -> Approver:
        approver = Approver(
            name=table.path[-1],
            role=table.stated("role", "", not_a_code),
            reference=table.stated("reference", "", not_an_identifier),
            public_key=table.text("public_key"),
        )
        table.done("role, reference, public_key")
        return approver

    def _folder(self, table: _Table, key: str, default: str) -> str:
        value = table.text(key, default)
        if not value:
            raise self.error((*table.path, key), "is no folder's name")
        return value

    def _refuse_secrets(self, value: object, path: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._refuse_secrets(item, (*path, key))
        elif isinstance(value, list):
            for item in value:
                self._refuse_secrets(item, path)
        elif isinstance(value, str) and "\0" in value:
            raise self.error(path, "holds a NUL character")
        elif isinstance(value, str) and (hint := secret_hint(_meaning(path), value)):
            # The message must not repeat what it found.
            raise self.error(path, "holds a secret, and this file must not", hint=hint)

    def _store(self, table: _Table) -> StoreConfig:
        name, backend = table.path[-1], table.text("backend")
        if name in {KEYS, RECORD_KEYS}:
            raise self.error(table.path, "is the name of a store of keys: take another")
        spec = backend_settings(backend)
        if isinstance(spec, str):
            raise self.error((*table.path, "backend"), spec)
        known, required = spec
        settings: dict[str, object] = {}
        for key, value in table.items():
            if key not in known:
                raise self.error(
                    (*table.path, key),
                    "is not known",
                    hint=f"backend {backend!r} knows: {', '.join(sorted(known))}",
                )
            if not _has_type(value, known[key]):
                raise self.error((*table.path, key), f"must be {known[key].value}")
            settings[key] = value
        if missing := sorted(required - settings.keys()):
            raise self.error(table.path, f"lacks the key {missing[0]!r}")
        return StoreConfig(name, backend, settings, line_of(self._text, table.path))

    def _policies(self, table: _Table) -> dict[str, str]:
        """The OID of each authority that must answer under one."""
        found = {}
        for url, oid in table.items():
            if not isinstance(oid, str) or not _OID.fullmatch(oid):
                raise self.error(table.path, "must be OIDs in dotted form, by the URL")
            found[url] = oid
        return found

    def _dataset(
        self, table: _Table, stores: Mapping[str, StoreConfig], approvers: int
    ) -> DatasetConfig:
        sources = tuple(self._source(t, stores) for t in table.tables("sources"))
        if not sources:
            raise self.error(table.path, "lacks the key 'sources': what tells its records?")
        columns: dict[str, str] = {}
        for key, value in table.table("columns").items():
            if value not in ROLES:
                raise self.error((*table.path, "columns", key), f"must be one of {ROLES}")
            columns[key.lower()] = str(value)
        locations = []
        for item in table.tables("locations"):
            locations.append(Location(self._known_store(item, stores), item.text("pattern")))
            item.done("store, pattern")
        hold = None
        if "hold" in table:
            inner = table.table("hold")
            hold = Hold(inner.text("reason"), inner.date("until"))
            inner.done("reason, until")
        dataset = DatasetConfig(
            name=table.path[-1],
            title=table.stated("title", table.path[-1], not_a_label),
            sources=sources,
            columns=columns,
            locations=tuple(locations),
            hold=hold,
            basis=table.stated("basis", "unstated", not_a_code),
            reference=table.text("reference", ""),
            approvals=table.number("approvals", 0, least=0, most=_MOST_APPROVALS),
            fingerprint=table.word_or_date("fingerprint", (KEEP, DESTROY)),
        )
        table.done(
            "title, sources, columns, locations, hold, basis, reference, approvals, fingerprint"
        )
        if dataset.approvals > approvers:
            raise self.error((*table.path, "approvals"), "is more than there are [approvers]")
        return dataset

    def _known_store(self, table: _Table, stores: Mapping[str, StoreConfig]) -> str:
        name = table.text("store")
        if name not in stores:
            raise self.error((*table.path, "store"), f"names no configured store: {name!r}")
        return name

    def _source(self, table: _Table, stores: Mapping[str, StoreConfig]) -> SourceSpec:
        spec = SourceSpec(
            store=self._known_store(table, stores),
            table=table.text("table", ""),
            query=table.text("query", ""),
            path=table.text("path", ""),
            key=table.text("key", ""),
            sealed=table.flag("sealed"),
        )
        table.done("store, sealed, and one of table, query, path, key")
        if sum(map(bool, (spec.table, spec.query, spec.path, spec.key))) != 1:
            raise self.error(table.path, "wants exactly one of table, query, path, key")
        if spec.sealed and not (spec.path or spec.key):
            raise self.error((*table.path, "sealed"), "goes with path or key")
        return spec

    def _recipient(self, table: _Table, datasets: Mapping[str, DatasetConfig]) -> Recipient:
        names = table.texts("datasets")
        for name in names:
            if name not in datasets:
                raise self.error((*table.path, "datasets"), f"names no dataset: {name!r}")
        recipient = Recipient(table.path[-1], names, table.date("told"), table.date("answered"))
        table.done("datasets, told, answered")
        return recipient


def _is_web_address(text: str) -> bool:
    try:
        where = urlsplit(text)
        return where.scheme in {"http", "https"} and bool(where.hostname) and where.port != 0
    except ValueError:
        return False


_CHECKS: Mapping[Setting, Callable[[object], bool]] = {
    Setting.TEXT: lambda value: isinstance(value, str),
    Setting.TEXTS: lambda value: (
        isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    ),
    Setting.FLAG: lambda value: isinstance(value, bool),
    Setting.NUMBER: lambda value: isinstance(value, int) and not isinstance(value, bool),
}


def _has_type(value: object, setting: Setting) -> bool:
    return _CHECKS[setting](value)
