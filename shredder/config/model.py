"""What ``shredder.toml`` says, as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.contract import SourceSpec

KEEP, DESTROY = "keep", "destroy"  # what is to become of a fingerprint
ORIGINS = ("aws-kms", "imported")  # of the material of keys in AWS KMS
WINDOW_DAYS = (7, 30)  # that AWS KMS waits before it deletes a key, at the least and the most
YES = "yes"  # a flag among the settings of what wraps keys
KEYS = "keys"  # the store that the keys of datasets are holdings of
RECORD_KEYS = "record-keys"  # and those of chosen records
OPERATOR = "operator"  # the role of a signer that an auditor's policy asks for


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """``[stores.NAME]``: one configured place, with the settings of its backend."""

    name: str
    backend: str
    settings: Mapping[str, object]
    line: int


@dataclass(frozen=True, slots=True)
class Hold:
    """``[datasets.NAME.hold]``: a reason that forbids destruction until it is lifted."""

    reason: str
    until: dt.date | None  # the hold is over on that day (UTC); None: until it is taken out

    def active(self, today: dt.date) -> bool:
        """Whether it forbids destruction on a day."""
        return self.until is None or today < self.until


@dataclass(frozen=True, slots=True)
class Location:
    """A place where the operator declares holdings to be, whatever their content shows."""

    store: str
    pattern: str  # a glob over locators


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """``[datasets.NAME]``."""

    name: str
    title: str
    sources: tuple[SourceSpec, ...]
    columns: Mapping[str, str]  # name -> private, person, quasi
    locations: tuple[Location, ...] = ()
    hold: Hold | None = None
    basis: str = "unstated"  # a code
    reference: str = ""
    approvals: int = 0  # how many approvers must have signed a plan before it is carried out
    fingerprint: str = KEEP  # or DESTROY, with the dataset; or the day until which it is kept


@dataclass(frozen=True, slots=True)
class Recipient:
    """``[recipients.NAME]``: a third party that received a copy (GDPR Art. 19)."""

    name: str
    datasets: tuple[str, ...]
    told: dt.date | None
    answered: dt.date | None


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the tool: a role and a staff reference; never a name."""

    role: str
    reference: str


@dataclass(frozen=True, slots=True)
class Approver:
    """``[approvers.NAME]``: another person, who signs plans with a key of their own."""

    name: str
    role: str
    reference: str
    public_key: str  # a file: PEM, or a line of OpenSSH's


@dataclass(frozen=True, slots=True)
class LogConfig:
    """``[log]``: the operator's own transparency log."""

    origin: str  # the first line of its heads, and the name of its key
    witnesses: tuple[str, ...]  # verifier keys: whose cosignatures go into bundles
    folder: Path | None  # where it is; None: in the state directory


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """One of ``[signing] signers``: a kind, and what it needs; no secret."""

    kind: str
    settings: Mapping[str, str]
    role: str = OPERATOR  # that auditors are told of, and their policies have for its key


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """``[keys]``: where the keys of datasets lie; no secret."""

    store: str = "file"  # else what wraps them: no file then
    file: Path | None = None  # None: in the state directory
    best_effort: bool = False  # also where a key cannot be overwritten, which its record says
    by_keyring: bool = False  # what wraps them there: the session's keyring, and no passphrase
    settings: Mapping[str, str] = field(default_factory=dict)  # of what wraps them, by its kind


@dataclass(frozen=True, slots=True)
class Config:
    """All of ``shredder.toml``."""

    path: Path
    state: Path
    controller: str
    operator: Operator
    stores: Mapping[str, StoreConfig]
    datasets: Mapping[str, DatasetConfig]
    recipients: tuple[Recipient, ...]
    authorities: tuple[str, ...]  # RFC 3161 time-stamping authorities, by URL
    timestamp_timeout: int  # seconds
    timestamps_wanted: int  # tokens of different authorities on each envelope
    timestamp_policies: Mapping[str, str]  # URL -> the OID that its answers must bear
    log: LogConfig | None = None
    signers: tuple[SignerConfig, ...] = (SignerConfig("file", {}),)  # each signs every envelope
    approvers: tuple[Approver, ...] = ()
    names: Path | None = None  # the private file of the names behind staff references
    keys: KeysConfig = KeysConfig()

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent
