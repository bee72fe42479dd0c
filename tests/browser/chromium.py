"""Debian's chromium without a window, driven over its DevTools protocol.

The protocol runs over a pair of pipes (--remote-debugging-pipe): a JSON object a message, a zero byte after each. So
neither a driver nor a WebSocket client is needed, and no port is opened.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable

PROGRAM = "chromium"
DEBIAN_PACKAGES = "chromium fonts-dejavu-core"
"""BROWSER_PACKAGES of the Makefile."""

SECONDS = 20.0

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*",  # nothing but loopback is contacted
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """The browser did not do what was asked."""


class Tab:
    """The one tab of a browser, and everything it said on its console."""

    def __init__(self, orders: int, answers: int) -> None:
        self._orders = orders
        self._answers = answers
        self._number = 0
        self._buffer = b""
        self._session = ""
        self.complaints: list[str] = []
        """Errors and warnings of the console, and exceptions nobody caught."""
        self.requested: list[str] = []
        """Every URL that was asked for."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    # --- what a person does --------------------------------------------------------------------------------------

    def open(self, url: str) -> None:
        """Go to a page; wait until it is loaded."""
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        self.wait("document.readyState === 'complete'")

    def click(self, label: str) -> None:
        """Click the button with this text, with the mouse, where it is on the page."""
        button = f"[...document.querySelectorAll('button')].find(one => one.textContent.trim() === {json.dumps(label)})"
        self.wait(f"{button} !== undefined && !{button}.disabled")
        box = self.ask(
            f"(() => {{ const one = {button}; one.scrollIntoView({{block: 'center'}});"
            " const box = one.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str, text: str = "") -> None:
        """Press a key such as Tab or Enter."""
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    # --- what a person sees --------------------------------------------------------------------------------------

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = SECONDS) -> None:
        """Wait until a JavaScript expression is true."""
        self.wait_for(lambda: self.ask(expression), seconds, expression)

    def wait_for(self, condition: Callable[[], Any], seconds: float = SECONDS, what: str = "") -> None:
        """Wait until a condition holds."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise BrowserError(f"after {seconds:g} s it is not so: {what}\n{self.text()}\n{self.complaints}")
            time.sleep(0.05)

    def text(self) -> str:
        """Return the text of the page, as it is shown."""
        return str(self.ask("document.body ? document.body.innerText : ''"))

    def drawn(self, device: str, attribute: str) -> str:
        """Return an attribute of the drawing of a device, such as mode."""
        return str(
            self.ask(
                f"document.querySelector('[data-device=' + CSS.escape({json.dumps(device)}) + '] svg')"
                f"?.dataset[{json.dumps(attribute)}] ?? ''"
            )
        )

    def spoken(self) -> list[tuple[str, str]]:
        """Return role and name of everything that a screen reader meets."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node.get("role", {}).get("value", ""), node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored")
        ]

    def look(self, width: int, height: int, *, dark: bool = False, colours: bool = True) -> None:
        """Set the size of the window, light or dark, with or without colours."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setEmulatedVisionDeficiency", type="none" if colours else "achromatopsia")

    def photograph(self, file: Path) -> None:
        """Write the whole page as PNG, once nothing in it moves any more."""
        self.wait("!document.getAnimations().some(one => one instanceof CSSTransition)")
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(picture["data"]))

    # --- the protocol --------------------------------------------------------------------------------------------

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its answer; what the page says meanwhile is kept."""
        self._number += 1
        order: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while True:
            message = self._message(until, method)
            if message.get("id") == self._number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error'].get('message')}")
                answer: dict[str, Any] = message["result"]
                return answer
            self._note(message)

    def _message(self, until: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            block = os.read(self._answers, 1 << 20) if ready else b""
            if not block:
                raise BrowserError(f"no answer to {method}")
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, told = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(one.get("value", "")) for one in told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])


def refusal() -> str | None:
    """Return why there is no browser here, None if there is one."""
    return None if shutil.which(PROGRAM) else f"no {PROGRAM}: apt-get install {DEBIAN_PACKAGES}"


@contextlib.contextmanager
def browser(folder: Path, enter: Sequence[str] = ()) -> Iterator[Tab]:
    """Start a browser with a profile of its own in a folder, and end it and all its processes.

    `enter` is the beginning of a command line, such as one that enters a network namespace.
    """
    their_orders, our_orders = os.pipe()
    our_answers, their_answers = os.pipe()

    def connect() -> None:  # the protocol's pipes are 3 and 4; both ends go out of the way first
        orders, answers = os.dup2(their_orders, 103), os.dup2(their_answers, 104)
        os.dup2(orders, 3)
        os.dup2(answers, 4)

    argv = [*enter, PROGRAM, *ARGUMENTS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=connect,
            close_fds=False,
            start_new_session=True,
            env={**os.environ, "HOME": str(folder)},
        )
    os.close(their_orders)
    os.close(their_answers)
    try:
        yield Tab(our_orders, our_answers)
    finally:
        os.close(our_orders)  # the browser ends when its orders do
        os.close(our_answers)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
