"""What is no usable video is refused in words, and leaves nothing behind."""

from __future__ import annotations

import io
import socket

import pytest

from tests.service import clips
from tests.service.harness import Server, eventually


def nothing_came_of_it(server: Server, before: list[str]) -> bool:
    return server.names("incoming") == [] and sorted(server.names("uploads")) == before


@pytest.fixture
def untouched(server: Server) -> object:
    """Afterwards the data directory is as it was."""
    before = sorted(server.names("uploads"))
    yield
    eventually(lambda: nothing_came_of_it(server, before), "nothing is left behind")


CONTENTS = {
    "empty": (lambda: b"", "not_a_video"),
    "text": (lambda: b"This is no video.\n" * 200, "not_a_video"),
    "zeros": (lambda: bytes(5000), "not_a_video"),
    "sound": (clips.sound, "no_video_track"),
    "sound in mp4": (clips.sound_in_mp4, "no_video_track"),
    "one frame": (lambda: clips.video(frames=1), "too_short"),
    "10,000 by 10,000": (clips.huge_picture, "not_a_video"),
    "tiny": (lambda: clips.video(width=64, height=48), "too_small"),
    "truncated": (lambda: clips.video(frames=60)[:3000], "not_a_video"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_what_is_no_video_is_refused_with_advice(server: Server, untouched: object, kind: str) -> None:
    make, reason = CONTENTS[kind]
    answer = server.upload(make())
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, reason), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["message"].endswith(".")
    assert problem["advice"].endswith(".")
    assert problem["detail"] == f"{problem['message']} {problem['advice']}"
    assert "/" not in problem["detail"].replace("MP4/", ""), "names no path"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("room.txt", "room.txt"),
        ("room", "room"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\room.mov", "room.mov"),
        ("x" * 300 + ".mp4", "x" * 200),
        ("Wohn\u200bzimmer 🛋.mp4", "Wohnzimmer 🛋.mp4"),
        ("<img src=x onerror=alert(1)>.mp4", "<img src=x onerror=alert(1)>.mp4"),
        ("-rf", "-rf"),
    ],
)
def test_the_name_decides_nothing_and_is_shown_cleaned(server: Server, clip: bytes, name: str, shown: str) -> None:
    answer = server.upload(name=name)
    assert answer.status_code == 200, answer.text
    job_id = answer.json()["job_id"]
    assert answer.json()["filename"] == shown
    assert (server.data / "uploads" / job_id).read_bytes() == clip
    assert server.client.delete(f"/api/job/{job_id}").status_code == 200


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nv\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nv', "multipart/form-data; boundary=x"),
        (b"--x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
        (b"anything", "video/mp4"),
        (b"{}", "application/json"),
        (b"", ""),
    ],
)
def test_a_form_that_is_none_is_refused(server: Server, untouched: object, content: bytes, kind: str) -> None:
    answer = server.client.post("/api/upload", content=content, headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_form"), answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_the_limit_is_refused_before_or_while_it_comes(
    server: Server, untouched: object, chunked: bool
) -> None:
    """The shared server takes 400,000 bytes."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    body = head + bytes(900_000) + b"\r\n--x--\r\n"
    content = iter([body[start : start + 50_000] for start in range(0, len(body), 50_000)]) if chunked else body
    answer = server.client.post(
        "/api/upload", content=content, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert answer.json()["max_bytes"] == 400_000


def test_an_upload_that_breaks_off_leaves_nothing(server: Server, untouched: object, clip: bytes) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        request = (
            b"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 300000\r\n\r\n"
        )
        connection.sendall(request + head + clip[:2000])
        eventually(lambda: server.names("incoming"), "it has begun")


def test_what_was_sent_is_what_is_kept(server: Server) -> None:
    content = clips.video(codec="libx264", container="matroska")
    answer = server.client.post("/api/upload", files={"file": ("holiday.jpg", io.BytesIO(content), "image/jpeg")})
    assert answer.status_code == 200, "neither the name nor the declared type matters"
    assert answer.json()["codec"] == "h264"
    assert (server.data / "uploads" / answer.json()["job_id"]).read_bytes() == content
