"""The configuration: ``shredder.toml``, read strictly and free of secrets."""

from shredder.config.load import chosen, find, load
from shredder.config.model import (
    DESTROY,
    KEEP,
    KEYS,
    RECORD_KEYS,
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
from shredder.config.template import TEMPLATE

__all__ = [
    "DESTROY",
    "KEEP",
    "KEYS",
    "RECORD_KEYS",
    "TEMPLATE",
    "Approver",
    "Config",
    "DatasetConfig",
    "Hold",
    "KeysConfig",
    "Location",
    "LogConfig",
    "Operator",
    "Recipient",
    "SignerConfig",
    "StoreConfig",
    "chosen",
    "find",
    "load",
]
