"""A double of AWS KMS and STS: there is no service of AWS to be had for the tests.

It is as strict as the API Reference (2014-11-01) and the developer guide's table of key states say
the service is, and time passes when a test says so. Each request is held to the service's model as
botocore has it, and so is each error: an operation answers with none that is not documented of it.
Another double, moto, decrypts by keys that wait to be deleted, never deletes one, and knows neither
imported material nor what becomes of a primary key that has replicas.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REGION, OTHER_REGION = "eu-central-1", "eu-west-1"
ACCOUNTS = {"AKIDONE": "111122223333", "AKIDTWO": "444455556666"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDONE", "AWS_SECRET_ACCESS_KEY": "a-secret"}
_MODEL = botocore.session.get_session().get_service_model("kms")
_COMMON = {"AccessDeniedException", "ThrottlingException", "ValidationException"}
_PENDING = ("PendingDeletion", "PendingReplicaDeletion")
_NONCE = 12


class Fault(Exception):
    """An error that the service answers with."""


class Key:
    """One key in one Region; `material` is shared by all keys of a multi-Region key."""

    def __init__(self, arn: str, asked: dict[str, Any], created: float) -> None:
        self.arn = arn
        self.id = arn.rpartition("/")[2]
        self.region = arn.split(":")[3]
        self.description = asked.get("Description", "")
        self.origin = asked.get("Origin", "AWS_KMS")
        self.multi_region = asked.get("MultiRegion", False)
        self.primary = True
        self.created = created
        self.material: bytes | None = None
        self.state = "PendingImport"
        if self.origin == "AWS_KMS":
            self.material, self.state = secrets.token_bytes(32), "Enabled"
        self.window = 0
        self.deleted: dt.datetime | None = None


class World:
    """All that the service holds, and the time that it is there."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.late = dt.timedelta(0)  # after its date, until a key is really deleted
        self.keys: dict[str, Key] = {}
        self.denied: set[str] = set()  # operations
        self.throttled = 0  # requests to be refused so
        self.slow = 0  # answers by a key's state of before: it is consistent only in the end
        self.behind = 0  # descriptions by a key's state of before, for the same reason
        self.lost: dict[str, int] = {}  # how many answers of an operation do not arrive
        self.dated = True  # a description has the date until when a key waits
        self.asked: list[tuple[str, str, dict[str, Any]]] = []  # operation, Region, request
        self.lock = threading.Lock()

    def pass_days(self, days: float) -> None:
        """Let time pass, one hour after another."""
        for _ in range(int(days * 24)):
            self.now += dt.timedelta(hours=1)
            self._settle()

    def _settle(self) -> None:
        gone = [k for k in self.keys.values() if k.deleted and k.deleted + self.late <= self.now]
        for key in gone:
            del self.keys[key.arn]
        for key in self.keys.values():
            if key.state == "PendingReplicaDeletion" and not self.replicas(key):
                key.state, key.deleted = "PendingDeletion", self._in_days(key.window)

    def _in_days(self, days: int) -> dt.datetime:
        return self.now + dt.timedelta(days=days)

    def family(self, key: Key) -> list[Key]:
        return [each for each in self.keys.values() if each.id == key.id]

    def replicas(self, key: Key) -> list[Key]:
        return [each for each in self.family(key) if not each.primary]

    def only(self) -> Key:
        (key,) = self.keys.values()
        return key

    # --- asking ---

    def answer(self, operation: str, region: str, account: str, body: dict[str, Any]) -> Any:
        """What the service answers. Raises Fault."""
        model = _MODEL.operation_model(operation)
        asked = {
            name: base64.b64decode(value) if _is_blob(model, name) else value
            for name, value in body.items()
        }
        assert model.input_shape is not None
        wrong = ParamValidator().validate(asked, model.input_shape)
        assert not wrong.has_errors(), wrong.generate_report()
        documented = {shape.name for shape in model.error_shapes} | _COMMON
        try:
            with self.lock:
                self.asked.append((operation, region, asked))
                return self._answer(operation, region, account, asked)
        except Fault as fault:
            if str(fault) not in documented:
                raise AssertionError(f"{operation} does not answer {fault}") from fault
            raise

    def _answer(self, operation: str, region: str, account: str, asked: dict[str, Any]) -> Any:
        if self.throttled:
            self.throttled -= 1
            raise Fault("ThrottlingException")
        if operation in self.denied:
            raise Fault("AccessDeniedException")
        if operation == "CreateKey":
            return self._create(region, account, asked)
        if operation == "ListKeys":
            mine = [k for k in self.keys.values() if f":{region}:{account}:" in k.arn]
            known = [{"KeyId": each.id, "KeyArn": each.arn} for each in mine]
            at = int(asked.get("Marker", "0"))  # a page of one, so that paging is needed
            more = {"NextMarker": str(at + 1)} if at + 1 < len(known) else {}
            return {"Keys": known[at : at + 1], "Truncated": bool(more), **more}
        key = self.keys.get(asked["KeyId"])
        if f":{account}:" not in asked["KeyId"]:
            raise Fault("AccessDeniedException")
        if key is None or key.region != region:
            raise Fault("NotFoundException")
        acts: dict[str, Callable[[Key, dict[str, Any]], Any]] = {
            "DescribeKey": self._describe,
            "Encrypt": self._encrypt,
            "Decrypt": self._decrypt,
            "ScheduleKeyDeletion": self._schedule,
            "CancelKeyDeletion": self._cancel,
            "EnableKey": self._enable,
            "DisableKey": self._disable,
            "GetParametersForImport": self._parameters,
            "ImportKeyMaterial": self._import,
            "DeleteImportedKeyMaterial": self._delete_material,
            "ReplicateKey": self._replicate,
        }
        return acts[operation](key, asked)

    def _describe(self, key: Key, _: dict[str, Any]) -> Any:
        shown = self.metadata(key)
        if self.behind and key.state in _PENDING:
            self.behind -= 1
            shown |= {"KeyState": "Enabled", "Enabled": True}
        if shown["KeyState"] not in _PENDING or not self.dated:
            shown.pop("DeletionDate", None)
        return {"KeyMetadata": shown}

    def metadata(self, key: Key) -> dict[str, Any]:
        shown = {
            "AWSAccountId": key.arn.split(":")[4],
            "KeyId": key.id,
            "Arn": key.arn,
            "CreationDate": key.created,
            "Enabled": key.state == "Enabled",
            "Description": key.description,
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": key.state,
            "Origin": key.origin,
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": key.multi_region,
        }
        if key.state == "PendingDeletion" and key.deleted:
            shown["DeletionDate"] = key.deleted.timestamp()
        if key.state == "PendingReplicaDeletion":
            shown["PendingDeletionWindowInDays"] = key.window
        if key.multi_region:
            (primary,) = [each for each in self.family(key) if each.primary] or [key]
            shown["MultiRegionConfiguration"] = {
                "MultiRegionKeyType": "PRIMARY" if key.primary else "REPLICA",
                "PrimaryKey": {"Arn": primary.arn, "Region": primary.region},
                "ReplicaKeys": [{"Arn": k.arn, "Region": k.region} for k in self.replicas(key)],
            }
        return shown

    def _create(self, region: str, account: str, asked: dict[str, Any]) -> Any:
        name = "-".join(secrets.token_hex(n) for n in (4, 2, 2, 2, 6))
        if asked.get("MultiRegion"):
            name = f"mrk-{secrets.token_hex(16)}"
        arn = f"arn:aws:kms:{region}:{account}:key/{name}"
        key = self.keys[arn] = Key(arn, asked, self.now.timestamp())
        return {"KeyMetadata": self.metadata(key)}

    # --- cryptography: which states allow it ---

    def _usable(self, key: Key) -> bytes:
        if key.state == "Disabled":
            raise Fault("DisabledException")
        if self.slow and key.state in _PENDING and key.material:
            self.slow -= 1
            return key.material
        if key.state != "Enabled" or key.material is None:
            raise Fault("KMSInvalidStateException")
        return key.material

    def _encrypt(self, key: Key, asked: dict[str, Any]) -> Any:
        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(self._usable(key)).encrypt(nonce, asked["Plaintext"], _bound(asked))
        blob = key.id.encode().ljust(40) + nonce + sealed
        return {"KeyId": key.arn, "CiphertextBlob": base64.b64encode(blob).decode()}

    def _decrypt(self, key: Key, asked: dict[str, Any]) -> Any:
        blob, material = asked["CiphertextBlob"], self._usable(key)
        named, nonce, sealed = blob[:40].strip(), blob[40 : 40 + _NONCE], blob[40 + _NONCE :]
        if not re.fullmatch(rb"(mrk-)?[0-9a-f-]{32,36}", named):
            raise Fault("InvalidCiphertextException")
        if named != key.id.encode():
            raise Fault("IncorrectKeyException")
        try:
            opened = AESGCM(material).decrypt(nonce, sealed, _bound(asked))
        except (InvalidTag, ValueError):
            raise Fault("InvalidCiphertextException") from None
        return {"KeyId": key.arn, "Plaintext": base64.b64encode(opened).decode()}

    # --- states ---

    def _schedule(self, key: Key, asked: dict[str, Any]) -> Any:
        days = asked.get("PendingWindowInDays", 30)
        if not 7 <= days <= 30:
            raise Fault("ValidationException")
        if key.state in _PENDING:
            raise Fault("KMSInvalidStateException")
        key.window = days
        told = {"KeyId": key.arn, "PendingWindowInDays": days}
        if key.primary and self.replicas(key):
            key.state = "PendingReplicaDeletion"
            return {**told, "KeyState": key.state}
        key.state, key.deleted = "PendingDeletion", self._in_days(days)
        return {**told, "KeyState": key.state, "DeletionDate": key.deleted.timestamp()}

    def _cancel(self, key: Key, _: dict[str, Any]) -> Any:
        if key.state not in _PENDING:
            raise Fault("KMSInvalidStateException")
        key.state, key.deleted = "Disabled" if key.material else "PendingImport", None
        return {"KeyId": key.arn}

    def _enable(self, key: Key, _: dict[str, Any]) -> Any:
        if key.state not in {"Enabled", "Disabled"}:
            raise Fault("KMSInvalidStateException")
        key.state = "Enabled"
        return {}

    def _disable(self, key: Key, _: dict[str, Any]) -> Any:
        if key.state not in {"Enabled", "Disabled"}:
            raise Fault("KMSInvalidStateException")
        key.state = "Disabled"
        return {}

    # --- imported material ---

    def _parameters(self, key: Key, asked: dict[str, Any]) -> Any:
        if key.origin != "EXTERNAL":
            raise Fault("UnsupportedOperationException")
        if key.state in _PENDING:
            raise Fault("KMSInvalidStateException")
        if (asked["WrappingAlgorithm"], asked["WrappingKeySpec"]) != (
            "RSAES_OAEP_SHA_256",
            "RSA_4096",
        ):
            raise Fault("ValidationException")
        public = (
            _importing().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        return {
            "KeyId": key.arn,
            "ImportToken": base64.b64encode(key.id.encode()).decode(),
            "PublicKey": base64.b64encode(public).decode(),
            "ParametersValidTo": self._in_days(1).timestamp(),
        }

    def _import(self, key: Key, asked: dict[str, Any]) -> Any:
        if key.origin != "EXTERNAL":
            raise Fault("UnsupportedOperationException")
        if key.state in _PENDING:
            raise Fault("KMSInvalidStateException")
        if asked["ImportToken"] != key.id.encode():
            raise Fault("InvalidImportTokenException")
        oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
        try:
            material = _importing().decrypt(asked["EncryptedKeyMaterial"], oaep)
        except ValueError:
            raise Fault("InvalidCiphertextException") from None
        key.material, key.state = material, "Enabled"
        return {}

    def _delete_material(self, key: Key, _: dict[str, Any]) -> Any:
        if key.origin != "EXTERNAL":
            raise Fault("UnsupportedOperationException")
        key.material = None
        if key.state not in _PENDING:
            key.state = "PendingImport"
        return {"KeyId": key.arn}

    def _replicate(self, key: Key, asked: dict[str, Any]) -> Any:
        if not (key.multi_region and key.primary):
            raise Fault("UnsupportedOperationException")
        if key.state != "Enabled":
            raise Fault("KMSInvalidStateException")
        arn = key.arn.replace(f":{key.region}:", f":{asked['ReplicaRegion']}:")
        if arn in self.keys:
            raise Fault("AlreadyExistsException")
        made = self.keys[arn] = Key(arn, {"MultiRegion": True}, self.now.timestamp())
        made.primary, made.description = False, key.description
        made.origin, made.material, made.state = key.origin, key.material, "Enabled"
        if key.origin == "EXTERNAL":
            made.material, made.state = None, "PendingImport"
        return {"ReplicaKeyMetadata": self.metadata(made)}


@functools.cache
def _importing() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 4096)


def _is_blob(model: Any, name: str) -> bool:
    return bool(model.input_shape.members[name].type_name == "blob")


def _bound(asked: dict[str, Any]) -> bytes:
    return json.dumps(asked.get("EncryptionContext", {}), sort_keys=True).encode()


class _Server(ThreadingHTTPServer):
    def __init__(self, world: World) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        named = re.search(r"Credential=(\w+)/\d+/([\w-]+)/", self.headers["Authorization"])
        assert named is not None
        account, region = ACCOUNTS.get(named[1], ""), named[2]
        if not account:
            self._reply(403, "text/xml", _UNKNOWN)
        elif "X-Amz-Target" in self.headers:
            operation = self.headers["X-Amz-Target"].removeprefix("TrentService.")
            try:
                told = self.server.world.answer(operation, region, account, json.loads(data))
                if self.server.world.lost.get(operation, 0):
                    self.server.world.lost[operation] -= 1
                    self.close_connection = True
                else:
                    self._send(200, told)
            except Fault as fault:
                self._send(400, {"__type": str(fault), "message": f"{account} and a key's name"})
        else:
            assert b"Action=GetCallerIdentity" in data
            arn = f"arn:aws:iam::{account}:user/someone"
            self._reply(200, "text/xml", _IDENTITY.format(arn=arn, account=account).encode())

    def _send(self, status: int, value: Any) -> None:
        self._reply(status, "application/x-amz-json-1.1", json.dumps(value).encode())

    def _reply(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


_UNKNOWN = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"
    b"<Message>not known</Message></Error></ErrorResponse>"
)
_IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{account}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@contextmanager
def serving(world: World) -> Iterator[str]:
    """The service on a port of its own; gives its URL."""
    with _Server(world) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
