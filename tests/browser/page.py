"""The committed page in a browser: asked by script, or used as an auditor does."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attestations.text import format_time
from tests.browser.given import Case
from tests.support.browser import Browser

FOLDER = Path(__file__).resolve().parents[2] / "browser"
FILE = FOLDER / "dist" / "verifier.html"


class Page:
    """The verifier, opened from its file."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.open()

    def open(self, width: int = 1280, height: int = 900, *, mobile: bool = False) -> None:
        self.browser.open(FILE.as_uri(), width, height, mobile=mobile)

    def check(self, case: Case) -> dict[str, Any]:
        """What the page answers, as `verify --json` has it."""
        (report,) = self.check_all([case])
        return report

    def check_all(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        """What the page answers to each, in one call. As text: names may be lone surrogates."""
        given = json.dumps([_arguments(case) for case in cases])
        done: str = self.wait(
            "(async () => { const reports = [];"
            f" for (const each of {given}) reports.push(await shredderVerifier.check(...each));"
            " return JSON.stringify(reports) })()"
        )
        reports: list[dict[str, Any]] = json.loads(done)
        return reports

    def wait(self, expression: str) -> Any:
        """The value that a promise comes to."""
        found = self.browser.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def choose(self, which: str, path: Path) -> None:
        """Choose a file by its input."""
        root = self.browser.call("DOM.getDocument")["root"]["nodeId"]
        node = self.browser.call("DOM.querySelector", nodeId=root, selector=f"#{which}-file")
        self.browser.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node["nodeId"])

    def give(self, folder: Path, **files: bytes) -> str:
        """Choose files, in this order, each by the name of its input; return the last report."""
        for which, data in files.items():
            path = folder / f"{which}.json"
            path.write_bytes(data)
            self.choose(which, path)
            self.until(f"document.getElementById('{which}-name').textContent !== ''")
        return self.report()

    def until(self, condition: str) -> None:
        """Wait for a condition in the page."""
        self.wait(
            "new Promise(done => { const look = () => "
            f"{{ {condition} ? done() : setTimeout(look, 20) }}; look() }})"
        )

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        codes = {"Tab": 9, "Enter": 13}
        for key in keys:
            for kind in ("keyDown", "keyUp"):
                self.browser.call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    code=key,
                    windowsVirtualKeyCode=codes[key],
                    text="\r" if key == "Enter" else "",
                )

    def report(self) -> str:
        """The text of the report, once there is one."""
        text = self.wait(
            "new Promise(done => { const look = () => { const it = document.querySelector('.report');"
            " it ? done(it.innerText) : setTimeout(look, 20) }; look() })"
        )
        return str(text)


def _arguments(case: Case) -> list[Any]:
    beside = {
        "others": [_text(each) for each in case.others],
        "disclosure": None if case.disclosure is None else _text(case.disclosure),
        "seed": case.seed,
        "sample": case.sample,
        "annex": None if case.annex is None else _text(case.annex),
        "validation": None if case.validation is None else _text(case.validation),
    }
    present = {name: value for name, value in beside.items() if value is not None}
    return [_text(case.bundle), _text(case.policy), format_time(case.now), present]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
