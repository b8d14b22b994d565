"""The drivers of signers load when a signer is opened, and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from attestations import KeyUnusable
from attestations.signing.kms import KmsSigner
from attestations.signing.pkcs11 import TokenKey, TokenSigner


def test_importing_signers_loads_no_driver() -> None:
    code = (
        "import sys, attestations.signing.kms, attestations.signing.pkcs11\n"
        "import attestations.signing.ssh_agent, shredder.signing\n"
        "print(sorted({'boto3', 'botocore', 'pkcs11'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_driver_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(KeyUnusable) as caught:
        KmsSigner.open("alias/shredder")
    assert "kms" in caught.value.hint
    with pytest.raises(KeyUnusable) as caught:
        TokenSigner("module", TokenKey.parse("pkcs11:token=a;object=b"), "1234")
    assert "hsm" in caught.value.hint
