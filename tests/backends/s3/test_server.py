"""The server that the tests and the demonstration use leaves nothing running behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_START = """
import sys, time
from pathlib import Path
from demo.servers.seaweedfs import SeaweedFS
print(SeaweedFS(Path(sys.argv[1])).start().endpoint_url, flush=True)
time.sleep(60)
"""


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def test_the_server_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _START, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    end = time.monotonic() + 15
    while answers(url) and time.monotonic() < end:
        time.sleep(0.1)
    assert not answers(url)
