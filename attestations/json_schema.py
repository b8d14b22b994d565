"""The JSON Schemas (draft 2020-12) of all that is exchanged, made from the code that reads it.

``python -m attestations.json_schema FOLDER`` writes them. They say what JSON Schema can say.
Left to the procedure: byte limits, duplicate keys, floats like ``1.0``, days that no calendar
has, lists in which no two entries may have the same code, and whatever compares two fields.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias, Union, get_args, get_origin

from attestations import bundle, envelope, policy, statement
from attestations.log.tlogproof import MAX_PROOF
from attestations.schema import Many, Range, Text, fields, rules_of
from attestations.text import TIME

Schema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
NAMES: Final = "https://shredder.invalid/schema/"

_BASE64 = r"(?:[{0}]{{4}})*(?:[{0}][AQgw]==|[{0}]{{2}}[AEIMQUYcgkosw048]=)?"


def schemas() -> dict[str, Schema]:
    """Return every schema by the name of its file."""
    made = {"bundle": _bundle(), "envelope": _envelope(), "policy": _of_class(policy.Policy)}
    for kind, name in statement.TYPES.items():
        made[name.removeprefix(statement.PREDICATE_BASE).replace("/", "-")] = _statement(kind, name)
    return {
        f"{name}.schema.json": {"$schema": DIALECT, "$id": f"{NAMES}{name}", **schema}
        for name, schema in made.items()
    }


def write(folder: Path) -> None:
    """Write every schema to `folder`."""
    for name, schema in schemas().items():
        (folder / name).write_text(text(schema), "utf-8")


def text(schema: Schema) -> str:
    """Return a schema as it is written to a file."""
    return json.dumps(schema, indent=2) + "\n"


def _of_class(cls: type) -> Schema:
    defs: Schema = {}
    root = _object(cls, defs)
    if cls is policy.Policy:
        root["properties"]["mediaType"] = {"const": policy.MEDIA_TYPE}
    return {**root, "$defs": dict(sorted(defs.items()))}


def _statement(kind: type, name: str) -> Schema:
    defs: Schema = {kind.__name__: {}}
    defs[kind.__name__] = _object(kind, defs)
    digest = _closed({"sha256": {"type": "string", "pattern": _whole("[0-9a-f]{64}")}})
    named = {"type": "string", "minLength": 1}
    subject = {
        "type": "array",
        "minItems": 1,
        "items": _closed({"name": named, "digest": digest}),
    }
    properties = {
        "_type": {"const": statement.STATEMENT_TYPE},
        "subject": subject,
        "predicateType": {"const": name},
        "predicate": {"$ref": f"#/$defs/{kind.__name__}"},
    }
    return {**_closed(properties), "$defs": dict(sorted(defs.items()))}


def _bundle() -> Schema:
    token = _base64(bundle.MAX_TOKEN)
    renewals = {"minItems": 1, "maxItems": bundle.MAX_RENEWALS}
    sealed = _closed(
        {
            "envelope": _base64(envelope.LIMITS.size),
            "timestamps": {"type": "array", "maxItems": bundle.MAX_TOKENS, "items": token},
            "renewals": {"type": "array", **renewals, "items": token},
            "log": {"type": "string", "maxLength": MAX_PROOF},
        },
        optional={"renewals", "log"},
    )
    of_something = {"properties": {"timestamps": {"minItems": 1}}}
    sealed["dependentSchemas"] = {"renewals": of_something}
    one = {"$ref": "#/$defs/Sealed"}
    properties = {"mediaType": {"const": bundle.MEDIA_TYPE}, "plan": one, "result": one}
    return {**_closed(properties), "$defs": {"Sealed": sealed}}


def _envelope() -> Schema:
    signature = _closed(
        {"keyid": {"type": "string"}, "sig": {**_base64(envelope.MAX_SIGNATURE), "minLength": 4}},
        optional={"keyid"},
    )
    properties = {
        "payload": _base64(statement.LIMITS.size),
        "payloadType": {"const": envelope.PAYLOAD_TYPE},
        "signatures": {
            "type": "array",
            "minItems": 1,
            "maxItems": envelope.MAX_SIGNATURES,
            "items": signature,
        },
    }
    return _closed(properties)


def _closed(properties: Schema, optional: set[str] | None = None) -> Schema:
    """Return an object of these fields and no other."""
    required = [name for name in properties if name not in (optional or set())]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _base64(most: int) -> Schema:
    """Return canonical base64 of at most so many bytes: of either alphabet, not of both."""
    return {
        "type": "string",
        "contentEncoding": "base64",
        "maxLength": 4 * -(-most // 3),
        "anyOf": [
            {"pattern": _whole(_BASE64.format("A-Za-z0-9+/"))},
            {"pattern": _whole(_BASE64.format("A-Za-z0-9_-"))},
        ],
    }


def _whole(pattern: str) -> str:
    """Anchor a pattern, for ECMA 262 and also where ``$`` matches before a last line end."""
    return f"^(?:{pattern})$(?!\\n)"


def _object(cls: type, defs: Schema) -> Schema:
    made = {name: _type(hint, defs) for name, hint in fields(cls).items()}
    schema = _closed(made)
    if cls.__doc__:
        schema["description"] = cls.__doc__.split("\n", 1)[0].replace("``", "")
    return schema


def _type(hint: Any, defs: Schema) -> Schema:
    plain, rules = rules_of(hint)
    if get_origin(plain) in {Union, types.UnionType}:
        (inner,) = (arg for arg in get_args(plain) if arg is not type(None))
        return {"anyOf": [_type(inner, defs), {"type": "null"}]}
    if get_origin(plain) is tuple:
        (many,) = (rule for rule in rules if isinstance(rule, Many))
        return _list(_type(get_args(plain)[0], defs), many)
    for rule in rules:
        if isinstance(rule, Text):
            bounds: Schema = {"type": "string", "minLength": 1, "maxLength": rule.longest}
            return bounds | ({"pattern": _whole(rule.pattern)} if rule.pattern else {})
        if isinstance(rule, Range):
            return {"type": "integer", "minimum": rule.low, "maximum": rule.high}
    if plain is bool:
        return {"type": "boolean"}
    if plain is datetime:
        return {"type": "string", "format": "date-time", "pattern": _whole(TIME)}
    if issubclass(plain, StrEnum):
        return {"enum": [str(member) for member in plain]}
    if plain.__name__ not in defs:
        defs[plain.__name__] = {}  # taken, before classes that refer to it are looked at
        defs[plain.__name__] = _object(plain, defs)
    return {"$ref": f"#/$defs/{plain.__name__}"}


def _list(inner: Schema, rule: Many) -> Schema:
    bounds: Mapping[str, Any] = {"minItems": rule.least} if rule.least else {}
    made: Schema = {"type": "array", **bounds, "maxItems": rule.most, "items": inner}
    if rule.by:
        made["$comment"] = f"no two entries have the same {rule.by}"
    elif rule.unique:
        made["uniqueItems"] = True
    return made


if __name__ == "__main__":
    write(Path(sys.argv[1]))
