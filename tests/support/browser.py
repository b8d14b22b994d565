"""A real Chromium, spoken to over a pipe: what a page loads, says and measures.

The DevTools protocol over file descriptors 3 and 4 (--remote-debugging-pipe) needs no library:
JSON messages, each ended by a NUL.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# Nothing of the browser's own may talk to anybody.
_FLAGS = (
    "--headless",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


class Browser:
    """One browser with an empty profile, and one page in it. `events` are all that it told."""

    def __init__(self, profile: Path, patience: float = 60) -> None:
        program = shutil.which("chromium") or "chromium"
        ours, theirs = os.pipe(), os.pipe()  # what it reads; what it writes
        self._patience = patience
        self._number, self._rest, self._session = 0, b"", ""
        self.events: list[dict[str, Any]] = []

        def lay_out() -> None:
            # Both are moved out of the way first: one of them may be 3 or 4.
            reading, writing = os.dup(ours[0]), os.dup(theirs[1])
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        self._process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lay_out,  # noqa: PLW1509 - no thread of ours holds a lock here
            close_fds=False,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = ours[1], theirs[0]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._from, selectors.EVENT_READ)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._selector.close()
        os.close(self._to)
        os.close(self._from)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # --- the protocol ---

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call, and return the answer's result."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == number:
                assert "error" not in told, told["error"]
                result: dict[str, Any] = told["result"]
                return result
            self.events.append(told)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + self._patience
        while b"\0" not in self._rest:
            if not self._selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError("the browser does not answer")
            read = os.read(self._from, 1 << 20)
            if not read:
                raise EOFError("the browser is gone")
            self._rest += read
        one, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(one)
        return message

    def told(self, method: str) -> list[dict[str, Any]]:
        """What events of a name said until now."""
        return [event["params"] for event in self.events if event.get("method") == method]

    # --- a page ---

    def open(self, address: str, width: int, height: int, *, mobile: bool = False) -> None:
        """Open an address in a window of a size in CSS pixels, and wait until it is loaded."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        self.call("Page.navigate", url=address)
        while not self.told("Page.loadEventFired"):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def requests(self) -> list[str]:
        """The addresses that the page asked for."""
        return [each["request"]["url"] for each in self.told("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """What stands in the console."""
        self.evaluate("0")  # what was said before is here now
        said = [str(each["entry"]["text"]) for each in self.told("Log.entryAdded")]
        said += [str(each["args"]) for each in self.told("Runtime.consoleAPICalled")]
        said += [str(each["exceptionDetails"]) for each in self.told("Runtime.exceptionThrown")]
        return said

    def screenshot(self) -> bytes:
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def printed(self, width: float = 8.27, height: float = 11.69) -> bytes:
        """The page as it comes out of a printer, as PDF; sizes in inches, A4 if none are given."""
        made = self.call(
            "Page.printToPDF",
            paperWidth=width,
            paperHeight=height,
            preferCSSPageSize=False,
            printBackground=True,
        )
        return base64.b64decode(made["data"])
