"""Opens `examples/web` in Chromium, types into it and sets what it says beside Keras.

    python -m tools.check_web_page --model saved_models/my-sentiment --file float32.tflite

First `npm install` and `npm run copy` in `examples/web`. Needs Chromium, and of Python no more than
the kit. Ends with an error if the page differs from Keras on English sentences by more than 1e-5
(0.05 if the file is not in float32), does not work with the server gone, is wider than a telephone,
says nothing of a missing model, or sends anything to another host. Writes screenshots.
"""

import base64
import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tyro

PAGE = Path(__file__).parents[1] / "examples" / "web"
CHECKED = "checked.tflite"  # under this name the page finds the file
ENGLISH = (
    "A film to see twice.",
    "Two hours that felt like six.",
    "Not bad at all!",
    "It's neither as clever nor as funny as it thinks it is; still, I laughed (twice).",
    "The cast is wonderful, the music is dull, and the end… well, see for yourself.",
    "“Brilliant,” she said – and she was right.",
)
ODD = (
    "naïve CAFÉ",
    "Füße und Straße",
    "a\u00a0good\u00a0film",
    "good 😀 film",
    "好 film 你好",
    "ΣΊΣΥΦΟΣ",
)
TOLERANCE, TOLERANCE_OF_OTHERS = 1e-5, 0.05
SECONDS = 60  # to wait for the page, at most
# MediaPipe reports once a minute; so that it need not be waited for.
HURRY = (
    "const later = setInterval; setInterval = (f, ms, ...x) => later(f, Math.min(ms, 500), ...x);"
)
SAID = """JSON.stringify({
  answer: document.getElementById("answer").textContent,
  status: document.getElementById("status").textContent,
  failed: document.getElementById("status").classList.contains("failed"),
  scores: Array.from(document.querySelectorAll("#bars li:not([hidden])"),
    (one) => [one.querySelector(".label").textContent, one.dataset.score]),
  overflow: document.documentElement.scrollWidth - innerWidth,
})"""


class Chromium:
    """A page in a headless Chromium, by its debugging protocol over a pipe.

    Args:
        program: the browser.
        profile: an empty folder for it.
    """

    def __init__(self, program: str, profile: Path):
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        arguments += [f"--user-data-dir={profile}", "--no-first-run", "about:blank"]
        script = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'  # where Chromium looks for them
        self.process = subprocess.Popen(
            ["sh", "-c", script, program, *arguments],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._last, self._rest, self.events = 0, b"", []
        self._session = None
        target = self("Target.createTarget", url="about:blank")["targetId"]
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters) -> dict:
        """Sends a command and waits for its result; what happens meanwhile goes to `events`."""
        self._last += 1
        command = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while True:
            message = self._read()
            if message.get("id") == self._last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def _read(self) -> dict:
        while b"\0" not in self._rest:
            received = os.read(self._in, 1 << 16)
            if not received:
                raise RuntimeError("Chromium has ended.")
            self._rest += received
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def evaluate(self, script: str):
        """The value of some JavaScript in the page."""
        found = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def said(self) -> dict:
        """What the page shows."""
        return json.loads(self.evaluate(SAID))

    def wait(self, is_done, what: str) -> dict:
        """Waits until the page shows something."""
        for _ in range(10 * SECONDS):
            with contextlib.suppress(RuntimeError, TypeError):  # a page that is not there yet
                said = self.said()
                if is_done(said):
                    return said
            time.sleep(0.1)
        raise RuntimeError(f"In {SECONDS} seconds the page did not say {what}: {self.said()}")

    def open(self, address: str) -> dict:
        """Opens a page and waits until it is ready, or says that it failed."""
        self("Page.navigate", url=address)
        return self.wait(
            lambda said: said["failed"] or said["status"].startswith("Ready"), "that it is ready"
        )

    def type(self, text: str) -> dict:
        """Puts a text where the old one was, and returns what the page says of it."""
        self.evaluate('document.getElementById("text").select()')
        self("Input.insertText", text="\u00b7")
        time.sleep(0.3)
        before = self.said()["scores"]
        self.evaluate('document.getElementById("text").select()')
        self("Input.insertText", text=text)
        time.sleep(0.3)
        return self.wait(lambda said: said["scores"] != before, f"anything of {text!r}")

    def screenshot(self, path: Path, width: int, height: int, dark: bool = False) -> int:
        """Writes what is seen on a screen; returns by how many pixels the page is too wide."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if width < 600 else 1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])
        time.sleep(0.4)
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot")["data"]))
        return self.said()["overflow"]

    def close(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait()


class Files(http.server.SimpleHTTPRequestHandler):
    """The page's folder, and beside it the file that is checked."""

    checked: Path

    def translate_path(self, path: str) -> str:
        """The file of an address."""
        if path.split("?")[0] == f"/{CHECKED}":
            return str(self.checked)
        return super().translate_path(path)

    def log_message(self, *_) -> None:
        """Says nothing."""


def main(
    model: str,
    file: Path,
    output: Path = Path("web-page"),
    chromium: str = "chromium",
) -> None:
    """Checks the page.

    Args:
        model: the folder of the trained classifier.
        file: the `.tflite` that was exported from it.
        output: a folder for screenshots.
        chromium: the browser.
    """
    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.export.lite_model import LiteModel

    if not (PAGE / "vendor").is_dir():
        raise SystemExit(f"First `npm install && npm run copy -- {file}` in {PAGE}.")
    if shutil.which(chromium) is None:
        raise SystemExit(f"There is no {chromium}: install it, or name another with `--chromium`.")
    output.mkdir(parents=True, exist_ok=True)
    keras = Bundle.from_pretrained(model)
    lite = LiteModel(file)
    Files.checked = file.resolve()
    handler = functools.partial(Files, directory=str(PAGE))
    server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://localhost:{server.server_port}/"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chromium(chromium, Path(profile))
        try:
            browser("Page.addScriptToEvaluateOnNewDocument", source=HURRY)
            check(browser, home, server, keras, lite, output)
        finally:
            browser.close()


def check(browser: Chromium, home: str, server, keras, lite, output: Path) -> None:
    """Everything, in the order of a visit."""
    address = f"{home}?model={CHECKED}"
    said = browser.open(address)
    assert not said["failed"], said
    assert said["answer"] == "Type something.", said
    print(said["status"])
    browser.screenshot(output / "empty.png", 1200, 800)

    most = TOLERANCE if lite.about.get("quantization") == "float32" else TOLERANCE_OF_OTHERS
    difference = compare(browser, keras, lite.labels, ENGLISH)
    print(f"Largest difference to Keras on English: {difference:.1e}")
    assert difference <= most, difference
    print(f"Largest difference on odd text: {compare(browser, keras, lite.labels, ODD):.1e}")

    for name, width, height, dark in (
        ("desktop", 1200, 800, False),
        ("phone", 390, 844, False),
        ("phone-dark", 390, 844, True),
    ):
        browser.type(ENGLISH[3])
        overflow = browser.screenshot(output / f"{name}.png", width, height, dark)
        assert overflow <= 0, f"{name}: {overflow} pixels too wide"

    browser.evaluate('document.getElementById("text").select()')
    browser("Input.insertText", text="")
    browser("Input.dispatchKeyEvent", type="keyDown", key="Delete", windowsVirtualKeyCode=46)
    browser.wait(lambda said: said["answer"] == "Type something.", "that there is no text")
    browser.type("   good")
    for missing in ("nowhere.tflite", "page.css"):
        said = browser.open(f"{home}?model={missing}")
        assert said["failed"], said
        print(f"{missing}: {said['status']}")
        browser.screenshot(output / f"failed-{missing}.png", 390, 844)

    browser.open(address)
    browser.wait(lambda said: "without a network" in said["status"], "that it works offline")
    time.sleep(2)  # MediaPipe tries to report
    server.shutdown()
    server.server_close()
    browser("Network.clearBrowserCache")
    said = browser.open(address)
    assert not said["failed"], said
    difference = compare(browser, keras, lite.labels, ENGLISH)
    print(f"With the server gone: {said['status']} Largest difference {difference:.1e}")
    assert difference <= most, difference

    sent, stopped = requests(browser.events, home)
    print(f"Requests to other hosts: {len(sent)} sent, {stopped} stopped by the page's policy.")
    assert not sent, sent


def compare(browser: Chromium, keras, labels: tuple[str, ...], texts) -> float:
    """The largest difference between the probabilities of the page and of Keras."""
    worst = 0.0
    for text, one in zip(texts, keras.predict_text(list(texts)), strict=True):
        expected = np.array(list(one["probabilities"].values()))
        said = browser.type(text)
        assert [label for label, _ in said["scores"]] == list(labels), said
        assert said["answer"].endswith(labels[expected.argmax()]), (text, said, expected)
        found = np.array([float(score) for _, score in said["scores"]])
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def requests(events: list[dict], home: str) -> tuple[list[str], int]:
    """The requests that went to other hosts, and how many the page did not let through."""
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    logged = [
        event["params"]["entry"]["text"]
        for event in events
        if event.get("method") == "Log.entryAdded"
    ]
    sent = [url for url in urls if not url.startswith((home, "data:", "blob:", "about:"))]
    return sent, sum(text.startswith("Connecting to") for text in logged)


if __name__ == "__main__":
    tyro.cli(main)
