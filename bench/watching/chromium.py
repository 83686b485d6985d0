"""Chromium without a window, driven over a pair of pipes by the DevTools protocol: for measurements and tests.

Source: https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select

PROGRAM = "chromium"
DEADLINE_S = 60.0
READ_BYTES = 1 << 20

OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # a container has no user namespaces
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
)


class ChromiumError(Exception):
    """Chromium answered with an error, or the page raised."""


class Page:
    """One page of a browser. Every wait has a deadline.

    Attributes:
        problems: what the page reported since it was opened: errors of scripts, and what its policy refused.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._numbers = itertools.count(1)
        self._received = b""
        self._session: str | None = None
        self.problems: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Begin to load a page."""
        self._call("Page.navigate", url=address)

    def show(self, *, width: int, height: int, is_dark: bool = False) -> None:
        """Set the size of the window in pixels, and the scheme of colours."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def evaluate(self, expression: str) -> object:
        """Return the value of an expression of JavaScript.

        Raises:
            ChromiumError: it raised.
        """
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise ChromiumError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, expression: str, deadline_s: float = DEADLINE_S) -> object:
        """Return the value of an expression as soon as it is true.

        Raises:
            TimeoutError: it was not.
        """
        ends_at = time.monotonic() + deadline_s
        while time.monotonic() < ends_at:
            with suppress(ChromiumError):  # while a page is loaded, its names are not there yet
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.02)
        raise TimeoutError(f"{expression} is not true; the page shows: {self.evaluate('document.body.innerText')}")

    def press(self, key: str, text: str = "") -> None:
        """Press a key and let it go."""
        self._call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text=text)
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def labels(self) -> list[tuple[str, str]]:
        """Return role and name of each part of the page, as a screen reader has them."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        seen = [node for node in nodes if not node.get("ignored")]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in seen]

    def picture(self, path: Path) -> None:
        """Write a picture of the whole page as PNG."""
        taken = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _call(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                if "error" in answer:
                    raise ChromiumError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict) -> None:
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(event["params"]["exceptionDetails"]))
            case "Log.entryAdded" if event["params"]["entry"]["source"] != "network":
                self.problems.append(event["params"]["entry"]["text"])

    def _read(self) -> dict:
        while b"\0" not in self._received:
            if not select([self._answers], [], [], DEADLINE_S)[0]:
                raise TimeoutError("chromium does not answer")
            received = os.read(self._answers, READ_BYTES)
            if not received:
                raise ChromiumError("chromium has ended")
            self._received += received
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)


@contextmanager
def chromium() -> Iterator[Page]:
    """Run Chromium with an empty profile, and give its page."""
    if shutil.which(PROGRAM) is None:
        raise FileNotFoundError(f"{PROGRAM} is missing; on Debian: apt-get install chromium")
    to_browser, commands = os.pipe()
    answers, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(prefix="elect-chromium-", ignore_cleanup_errors=True) as profile:
        # The browser reads descriptor 3 and writes descriptor 4, whatever the numbers are here.
        ends = f'exec {PROGRAM} "$@" 3<&{to_browser} 4>&{from_browser}'
        process = subprocess.Popen(
            ["bash", "-c", ends, PROGRAM, *OPTIONS, f"--user-data-dir={profile}"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Page(commands, answers)
        finally:
            with suppress(OSError):
                os.write(commands, b'{"id":0,"method":"Browser.close"}\0')
            os.close(commands)
            os.close(answers)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
