"""What a real browser makes of what it is told: its console is silent on our own pages, and others are kept out."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.conftest import Visit
from tests.service.fixtures import StartServer
from tests.service.harness import Server

pytestmark = pytest.mark.browser

ASK = """async ([address, options]) => {
  try {
    const answer = await fetch(address, options);
    return [answer.status, answer.headers.get("x-request-id") !== null];
  } catch (error) { return error.name; }
}"""
SHOW = """(address) => new Promise((done) => {
  const picture = new Image();
  picture.onload = () => done("shown");
  picture.onerror = () => done("refused");
  picture.src = address;
})"""


class _Blank(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><link rel=icon href=data:,>")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_our_pages_are_shown_without_a_complaint(visit: Visit, server: Server) -> None:
    visitor = visit()
    # Of answers that name no icon.
    visitor.expects("/favicon.ico")
    job_id = server.finished_scan()
    visitor.open(job_id)
    visitor.expect_model()
    policy = visitor.page.request.get(server.address).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    for path in ("/docs", f"/api/assets/{job_id}/report.html", f"/api/assets/{job_id}/poster.jpg", "/health"):
        visitor.page.goto(server.address + path)
        visitor.page.wait_for_load_state()


def test_a_page_from_elsewhere_reads_only_where_it_is_let(
    browser: Browser, server: Server, start_server: StartServer, elsewhere: str
) -> None:
    open_to_it = start_server(GARAZA_CORS__ORIGINS=elsewhere)
    context = browser.new_context()
    page = context.new_page()
    page.goto(elsewhere)
    asked_first = {"method": "PUT", "headers": {"Authorization": "Bearer x", "Content-Type": "application/json"}}
    picture = "/api/assets/{}/poster.jpg"
    try:
        for options in ({}, asked_first):
            assert page.evaluate(ASK, [f"{server.address}/api/profile/plan", options]) == "TypeError"
        assert page.evaluate(SHOW, server.address + picture.format(server.finished_scan())) == "refused"

        assert page.evaluate(ASK, [f"{open_to_it.address}/health", {}]) == [200, True]
        assert page.evaluate(ASK, [f"{open_to_it.address}/api/profile/plan", asked_first]) == [401, True]
        assert page.evaluate(SHOW, open_to_it.address + picture.format(open_to_it.finished_scan())) == "shown"
    finally:
        context.close()
