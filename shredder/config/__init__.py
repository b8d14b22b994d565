"""The configuration: ``shredder.toml``, read strictly and free of secrets."""

from shredder.config.load import chosen, find, load
from shredder.config.model import (
    Approver,
    Config,
    DatasetConfig,
    Hold,
    Location,
    LogConfig,
    Operator,
    Recipient,
    SignerConfig,
    StoreConfig,
)
from shredder.config.template import TEMPLATE

__all__ = [
    "TEMPLATE",
    "Approver",
    "Config",
    "DatasetConfig",
    "Hold",
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
