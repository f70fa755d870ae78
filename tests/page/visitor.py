"""Someone at the page."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Dialog, Locator, Request, Route, expect

from tests.service.harness import PATIENCE_SECONDS, Server

# What a browser says of a connection to a server that died, by the moment at which it did.
OUTAGE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    "ERR_CONNECTION_ABORTED",
    "ERR_EMPTY_RESPONSE",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_RESPONSE_HEADERS_TRUNCATED",
    # Of WebSockets.
    "Connection closed before receiving a handshake response",
)
DESKTOP = {"width": 1280, "height": 900}
FOCUSED = """() => {
  const at = document.activeElement;
  const label = at.labels?.[0] ?? at;
  // A hidden input shows its focus on its label.
  const ring = [at, at.nextElementSibling].some((e) => e && getComputedStyle(e).outlineStyle !== "none");
  const words = at.getAttribute("aria-label") ?? label.textContent;
  return `${at.id === "main" ? "main" : words.trim()}${ring ? "" : " (not visibly)"}`;
}
"""


class Visitor:
    """Opens the start. What the browser complains of is collected: errors, refused policies, failed requests."""

    def __init__(self, browser: Browser, server: Server, **options: Any) -> None:
        self.server = server
        self.context = browser.new_context(**{"viewport": DESKTOP, **options})
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self._complaints: list[str] = []
        self._expected: list[str] = []
        self.context.on("console", lambda told: self._complain(told.type, f"{told.text} {told.location['url']}"))
        self.context.on("weberror", lambda error: self._complain("error", str(error.error)))
        self.context.on("requestfailed", self._failed)
        self.page = self.context.new_page()
        self.questions: list[str] = []
        self._says_yes = False
        self.page.on("dialog", self._answer)
        self.page.goto(server.address)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def leave(self) -> None:
        self.context.close()

    def _failed(self, request: Request) -> None:
        # What was still loading when the page was left, or was cancelled by it, is no failure.
        if request.failure != "net::ERR_ABORTED":
            self._complain("error", f"{request.failure} {request.url}")

    def _complain(self, kind: str, text: str) -> None:
        if kind == "error":
            self._complaints.append(text)

    def expects(self, *parts: str) -> None:
        """Complaints with one of these in them are what the test is about."""
        self._expected += parts

    def expects_an_outage(self) -> None:
        self.expects(*OUTAGE)

    def complaints(self) -> list[str]:
        return [text for text in self._complaints if not any(part in text for part in self._expected)]

    # What they do ----------------------------------------------------------------------------------------------

    def choose(self, content: bytes, name: str = "room.mp4") -> None:
        kind = "video/mp4" if name.endswith(".mp4") else "text/plain"
        file = {"name": name, "mimeType": kind, "buffer": content}
        self.page.get_by_label("Choose a video").set_input_files(files=[file])

    def open(self, job_id: str) -> None:
        """A scan by its address, as from a bookmark."""
        self.page.goto(f"{self.server.address}/#/scan/{job_id}")

    def go_to_the_start(self) -> None:
        self.page.get_by_role("link", name="Garaza").click()
        expect(self.page.get_by_role("heading", name="How to film")).to_be_visible()

    def answer_questions(self, yes: bool) -> None:
        """From now on. Before, the answer is no. What was asked is in `questions`."""
        self._says_yes = yes

    def _answer(self, dialog: Dialog) -> None:
        self.questions.append(dialog.message)
        if self._says_yes:
            dialog.accept()
        else:
            dialog.dismiss()

    def tap(self, across: float, down: float) -> None:
        """On the model; both from 0 to 1 of the stage."""
        box = self.canvas.bounding_box()
        assert box is not None
        self.canvas.click(position={"x": box["width"] * across, "y": box["height"] * down})

    def before_processing(self, file: str, content: str = "") -> None:
        """Put a file for the double beside each job that this visitor has processed, before it begins."""

        def prepare(route: Route) -> None:
            job_id = route.request.url.rsplit("/", 1)[1]
            (self.server.control / f"{job_id}.{file}").write_text(content)
            route.continue_()

        self.page.route("**/api/process/*", prepare)

    # What they see ---------------------------------------------------------------------------------------------

    @property
    def job_id(self) -> str:
        """Of the scan that is shown."""
        return self.page.url.rsplit("/", 1)[1]

    @property
    def canvas(self) -> Locator:
        return self.page.locator(".stage canvas")

    @property
    def scans(self) -> Locator:
        """The list of one's own."""
        return self.page.get_by_role("region", name="Your scans").get_by_role("listitem")

    def expect_progress(self) -> None:
        """Half-way, where the double stops if it is held."""
        expect(self.page.locator(".message")).to_have_text("Half of it (1 of 2)")

    def expect_model(self) -> None:
        """Its best version, with the tools for it."""
        expect(self.page.locator(".stage")).to_have_attribute("data-loaded", "true")
        expect(self.page.get_by_role("button", name="Outside")).to_have_attribute("aria-pressed", "true")

    def picture(self) -> np.ndarray:
        """The stage as it is on the screen, (H, W, 3)."""
        return np.asarray(Image.open(io.BytesIO(self.page.locator(".stage").screenshot())).convert("RGB"))

    def share_of_model(self) -> float:
        """How much of the stage has the colour of the double's room."""
        return float((np.abs(self.picture().astype(int) - 180).max(axis=2) <= 6).mean())

    def overflow(self) -> int:
        """Pixels that have to be scrolled sideways to be seen."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def focused(self) -> str:
        """What has the focus, by the words on it."""
        return str(self.page.evaluate(FOCUSED))
