"""SoftHSM, a real PKCS#11 module: tokens in a folder, for this process and those it starts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN, OFFICER = "2468", "9753"


def softhsm(*words: str) -> None:
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)


@contextmanager
def tokens(folder: Path, *labels: str) -> Iterator[Path]:
    """Make tokens; the module reads its configuration when it is initialised."""
    import pkcs11

    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    try:
        for label in labels:
            softhsm("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER)
        pkcs11.lib(MODULE).reinitialize()
        yield folder
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
