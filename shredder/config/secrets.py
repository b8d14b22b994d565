"""Recognising a secret in a configuration value, so that it can be refused."""

from __future__ import annotations

import re

_KEY = re.compile(r"(?i)password|passwd|passphrase|secret|token|access_?key|private_?key")
_CONNINFO = re.compile(r"(?i)\b(?:ssl)?password\s*=")
_USERINFO = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*:[^/@\s]+@")
_AWS_ID = re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")

_POSTGRES = "give the password in ~/.pgpass, a service file or PGPASSWORD"
_S3 = "let boto3 find it: ~/.aws/credentials, a profile or AWS_* in the environment"


def secret_hint(key: str, value: str) -> str:
    """What to do instead, if this key or value looks like a secret; empty if it does not."""
    if _CONNINFO.search(value) or (_USERINFO.match(value) and value.startswith("postgres")):
        return _POSTGRES
    if _USERINFO.match(value) or _AWS_ID.search(value):
        return _S3
    if _PEM.search(value):
        return "keys live in the state directory, which `shredder init` makes"
    if _KEY.search(key):
        return f"{_POSTGRES}; S3: {_S3}"
    return ""
