"""`make demo`: the main job from end to end, as a client of a real server sees it.

Starts the service on a free port with an empty data directory, uploads the sample clip, follows the work live, fetches
the result, compares it with the exact truth that the clip was rendered from, and leaves everything in one folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table
from websockets.sync.client import connect

from garaza.cli.display import StageDisplay, print_result, size_text
from garaza.reconstruction.evaluate import Evaluation, evaluate_directory
from garaza.reconstruction.export.report import add_errors
from garaza.reconstruction.progress import Progress, Stage
from garaza.reconstruction.result import Result

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "living-room.mp4"
TRUTH = ROOT / "samples" / "living-room.truth.npz"
START_SECONDS = 60
CHUNK = 1 << 20

console = Console()


def main() -> None:
    """Run the demo; the exit code says whether all of it worked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder to leave everything in")
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--truth", type=Path, default=TRUTH)
    parser.add_argument("--quality", choices=["draft", "standard", "high"], default="standard")
    parser.add_argument("--max-frames", type=int, default=60)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="garaza-demo-") as data, server(Path(data)) as address:
        console.print(f"The service is at [link]{address}[/], with an empty data directory.")
        with httpx2.Client(base_url=address, timeout=60) as client:
            job = upload(client, arguments.clip)
            process(client, job, arguments.quality, arguments.max_frames)
            follow(address, job)
            fetch(client, job, arguments.out)
            conditional_get(client, job)
    result = Result.read(arguments.out)
    print_result(console, result, arguments.out)
    evaluation = evaluate_directory(arguments.out, arguments.truth)
    print_evaluation(evaluation)
    add_errors(arguments.out / "report.html", evaluation.rows())
    (arguments.out / "errors.json").write_text(json.dumps(asdict(evaluation), indent=1), encoding="utf-8")
    print_where_to_look(arguments.out, time.monotonic() - began)


@contextlib.contextmanager
def server(data_dir: Path) -> Iterator[str]:
    """A server process on a free port; yields its address, and stops it as an operator would."""
    command = [sys.executable, "-m", "garaza", "serve", "--port", "0", "--data-dir", str(data_dir)]
    log = (data_dir / "server.log").open("w+b")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield wait_for_address(process)
    except BaseException:
        log.flush()
        console.print((data_dir / "server.log").read_text(errors="replace")[-4000:], style="dim", markup=False)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def wait_for_address(process: subprocess.Popen[str]) -> str:
    """The address that the server prints when it is ready for requests."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"https?://\S+", line):
            break
    else:
        sys.exit("The service did not start.")
    address = found.group().rstrip("/.")
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{address}/ready", timeout=5).status_code == httpx2.codes.OK:
                return address
        time.sleep(0.1)
    sys.exit("The service did not become ready.")


def upload(client: httpx2.Client, clip: Path) -> str:
    """Upload the clip; returns the job's id."""
    with clip.open("rb") as file:
        answer = checked(client.post("/api/upload", files={"file": (clip.name, file, "video/mp4")})).json()
    console.print(
        f"Uploaded {clip.name} ({size_text(clip.stat().st_size)}): "
        f"{answer['width']}×{answer['height']}, {answer['duration_s']:.1f} s.",
    )
    return str(answer["job_id"])


def process(client: httpx2.Client, job: str, quality: str, max_frames: int) -> None:
    """Ask for the job to be done."""
    checked(client.post(f"/api/process/{job}", json={"quality": quality, "max_frames": max_frames}))


def follow(address: str, job: str) -> None:
    """Show the job's progress as it is told over the WebSocket, to its end."""
    with (
        connect(f"{address.replace('http', 'ws', 1)}/ws/{job}", max_size=None) as socket,
        StageDisplay(console) as display,
    ):
        for text in socket:
            message: dict[str, Any] = json.loads(text)
            data = message.get("data") or {}
            match message["type"]:
                case "progress" if data.get("stage") in set(Stage):
                    display.show(
                        Progress(
                            Stage(data["stage"]),
                            data["progress"],
                            data.get("message") or "",
                            data.get("current_frame"),
                            data.get("total_frames"),
                        ),
                    )
                case "complete":
                    return
                case "error":
                    sys.exit(f"The job failed: {data.get('message')}")
    sys.exit("The server closed the socket before the job ended.")


def fetch(client: httpx2.Client, job: str, out: Path) -> None:
    """Download everything that the result lists into `out`."""
    result = checked(client.get(f"/api/result/{job}")).json()
    remove_earlier(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "api-result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    download(client, f"/api/assets/{job}/result.json", out / "result.json")
    for file in Result.read(out).files:
        download(client, f"/api/assets/{job}/{file.path}", out / file.path)


def remove_earlier(out: Path) -> None:
    """Remove what an earlier demo left in `out`, and nothing else that may be there."""
    try:
        files = Result.read(out).files
    except (OSError, ValueError, TypeError):
        # None there, or one whose demo was interrupted.
        return
    for file in files:
        (out / file.path).unlink(missing_ok=True)


def download(client: httpx2.Client, url: str, path: Path) -> None:
    """Stream one file to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with client.stream("GET", url) as response, path.open("wb") as file:
        if response.status_code != httpx2.codes.OK:
            sys.exit(f"{url} answered {response.status_code}")
        for chunk in response.iter_bytes(CHUNK):
            file.write(chunk)


def conditional_get(client: httpx2.Client, job: str) -> None:
    """Fetch the model twice: the second time the client has it already and says so."""
    url = checked(client.get(f"/api/result/{job}")).json()["model_asset"]["url"]
    first = checked(client.get(url))
    second = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    if second.status_code != httpx2.codes.NOT_MODIFIED:
        sys.exit(f"The model was sent again: {second.status_code}")
    console.print(
        f"The model: {first.status_code}, {size_text(len(first.content))}; "
        f"asked for again with its ETag: {second.status_code}, {len(second.content)} bytes.",
    )


def checked(response: httpx2.Response) -> httpx2.Response:
    """The response, or the end of the demo with what the server said."""
    if response.is_error:
        sys.exit(f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}")
    return response


def print_evaluation(evaluation: Evaluation) -> None:
    """The error against the truth."""
    table = Table(title="Against the exact truth", title_justify="left", show_header=False)
    for name, value in evaluation.rows():
        table.add_row(name, value)
    console.print(table)


def print_where_to_look(out: Path, seconds: float) -> None:
    """The last lines."""
    console.print(f"\nAll of it took {seconds:.0f} s and is in [bold]{out}[/]. Look at:")
    console.print(f"  {out / 'report.html'}   the report, in any browser")
    console.print(f"  {out / 'model.glb'}     the model, in any glTF viewer")
    console.print("  make serve              the service and its page, for your own videos")


if __name__ == "__main__":
    main()
