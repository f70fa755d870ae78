"""`serve`, `worker`, `db` and `doctor` on machines where something is wrong: they say what, and what to do."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from garaza.cli.listening import CannotListen, listen
from tests.cli.command import PATIENCE_SECONDS, refused, run, started
from tests.servers.fixtures import seaweed, valkey
from tests.servers.seaweed import Seaweed
from tests.servers.valkey import Valkey

__all__ = ["seaweed", "valkey"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a data directory will be made."""
    return tmp_path / "data"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def revision(data: Path, *change: str) -> str:
    """Of the database; with `change`, after having made it that."""
    with closing(sqlite3.connect(data / "garaza.db")) as database, database:
        if change:
            database.execute("UPDATE alembic_version SET version_num = ?", change)
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


# Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("GARAZA_SERVER__PORT", "abc", "GARAZA_SERVER__PORT=abc can't be used"),
        ("GARAZA_UPLOADS__MAX_BYTES", "-1", "GARAZA_UPLOADS__MAX_BYTES=-1 can't be used"),
        ("GARAZA_UPLOADS", "lots", '"uploads"'),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, told: str, data: Path) -> None:
    text = refused("serve", "--port", "0", "--data-dir", data, code=2, **{variable: value})
    assert told in text
    assert not data.exists()


def test_a_misspelt_variable_is_told_of_and_nothing_else(data: Path) -> None:
    done = run(
        "db",
        "upgrade",
        "--data-dir",
        data,
        GARAZA_UPLOAD__MAX_BYTES="1",
        GARAZA_JOBS__CONCURRENCY="1",
        GARAZA_LIVE="{}",
    )
    assert done.returncode == 0
    assert done.stderr == (
        "GARAZA_UPLOAD__MAX_BYTES is no setting of Garaza and changes nothing. "
        "Did you mean GARAZA_UPLOADS__MAX_BYTES?\n"
    )


# The database ----------------------------------------------------------------------------------------------------


def test_a_database_is_made_and_kept(data: Path) -> None:
    for _ in range(2):
        done = run("db", "upgrade", "--data-dir", data)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"at revision {revision(data)}." in done.stdout
    # Rooms are private.
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_database_of_a_newer_version_is_left_alone(data: Path) -> None:
    assert run("db", "upgrade", "--data-dir", data).returncode == 0
    revision(data, "9999")
    for command in (["db", "upgrade"], ["serve", "--port", "0"]):
        text = refused(*command, "--data-dir", data)
        assert f"The database in {data} was made by a newer version of Garaza. Update" in text
    assert revision(data) == "9999"
    done = run("doctor", "--data-dir", data, GARAZA_SERVER__PORT="0")
    assert done.returncode == 1
    assert "at revision 9999, of a newer version" in done.stdout


def test_a_file_that_is_no_database_is_left_alone(data: Path) -> None:
    data.mkdir()
    (data / "garaza.db").write_text("a diary, and not a database at all\n" * 100)
    assert "file is not a database" in refused("db", "upgrade", "--data-dir", data)
    assert (data / "garaza.db").read_text().startswith("a diary")


# The service -----------------------------------------------------------------------------------------------------


def test_a_taken_port_is_told(taken_port: int, data: Path) -> None:
    text = refused("serve", "--port", str(taken_port), "--data-dir", data)
    assert f"Can't listen on 127.0.0.1, port {taken_port}: Address already in use. Choose another with --port" in text


# From a block that is set aside for examples (RFC 5737); a name that no machine can have.
@pytest.mark.parametrize("host", ["192.0.2.1", "ü" * 80])
def test_an_address_that_is_not_of_this_machine_is_told(host: str) -> None:
    with pytest.raises(CannotListen, match=f"^Can't listen on {host}, port 0: .*with --host"):
        listen(host, 0)


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]], ids=" ".join)
def test_a_data_directory_that_is_a_file_is_told(command: list[str], data: Path) -> None:
    data.write_text("a letter")
    assert f"Can't keep data in {data}: File exists" in refused(*command, "--data-dir", data)
    assert data.read_text() == "a letter"


def test_one_directory_is_served_once(data: Path) -> None:
    with started("serve", "--port", "0", "--data-dir", data, GARAZA_JOBS__EMBEDDED_WORKER="false") as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("Garaza is at http://127.0.0.1:")
        text = refused("serve", "--port", "0", "--data-dir", data)
        assert f"Another Garaza is serving {data} already." in text
        # As a terminal does it at Ctrl-C. It is no failure to be told to stop.
        os.killpg(first.pid, signal.SIGINT)
        _, err = first.communicate(timeout=PATIENCE_SECONDS)
    assert first.returncode == 0
    assert "Traceback" not in err
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_it_listens_on_ipv6_where_there_is_ipv6(data: Path) -> None:
    options = ["--host", "::1", "--port", "0", "--data-dir", data]
    with started("serve", *options, GARAZA_JOBS__EMBEDDED_WORKER="false") as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        if line:
            assert line.startswith("Garaza is at http://[::1]:")
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(line.split()[-1] + "/health", timeout=PATIENCE_SECONDS) as answer:
                assert answer.status == 200
        server.terminate()
        _, err = server.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in err
    if line:
        assert server.returncode == 0
        # Only this machine can reach it: uploads need no account.
        assert "Uploads without an account are off" not in err
    else:
        assert server.returncode == 1
        assert "Can't listen on ::1" in err


def test_a_connection_is_kept_for_as_long_as_was_said(data: Path) -> None:
    settings = {"GARAZA_JOBS__EMBEDDED_WORKER": "false", "GARAZA_SERVER__KEEP_ALIVE_SECONDS": "1"}
    with started("serve", "--port", "0", "--data-dir", data, **settings) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            # The server ends it: with its default this would take longer than anybody waits here.
            client.settimeout(30)
            while part := client.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" not in received.lower()


def test_more_files_may_be_open_than_a_shell_allows() -> None:
    script = (
        "import resource as r; hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (200, hard));"
        "from garaza.cli.descriptors import WANTED, raise_limit;"
        "print(raise_limit(), WANTED if hard == r.RLIM_INFINITY else min(WANTED, hard))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    got, wanted = map(int, done.stdout.split())
    # macOS may give less, and never less than there was.
    assert got == wanted if sys.platform == "linux" else got >= 200


# The doctor ------------------------------------------------------------------------------------------------------


def test_a_healthy_machine_is_found_healthy(data: Path) -> None:
    done = run("doctor", "--data-dir", data, GARAZA_SERVER__PORT="0", GARAZA_UPLOADS__MIN_FREE_BYTES="0")
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    assert "✗" not in done.stdout
    for checked in ("h264", "pycolmap", "numba", str(data)):
        assert checked in done.stdout
    # It looks, and changes nothing.
    assert not data.exists()


def test_the_doctor_finds_what_is_wrong(taken_port: int, data: Path) -> None:
    data.write_text("a letter")
    below = data / "[red]below"
    # On a terminal that doesn't know the signs.
    done = run("doctor", "--data-dir", below, GARAZA_SERVER__PORT=str(taken_port), PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count(r"\u2717") == 2
    assert f"{data} is a file; choose a folder with --data-dir" in done.stdout
    assert f"Can't listen on 127.0.0.1, port {taken_port}: Address already in use." in done.stdout


def test_the_doctor_tries_the_bucket_out(data: Path, seaweed: Seaweed) -> None:
    bucket = seaweed.new_bucket()
    given = {"GARAZA_SERVER__PORT": "0", "GARAZA_UPLOADS__MIN_FREE_BYTES": "0", **seaweed.settings(bucket)}
    done = run("doctor", "--data-dir", data, **given)
    assert (done.returncode, f"s3://{bucket}/rooms: written, read and removed" in done.stdout) == (0, True), done.stdout
    assert seaweed.objects(bucket) == []
    done = run("doctor", "--data-dir", data, **{**given, "GARAZA_STORAGE__SECRET_ACCESS_KEY": "hush"})
    assert done.returncode == 1
    assert "the secret key doesn't belong to the access key; see GARAZA_STORAGE__" in done.stdout
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("URL", "https://bucket", "it must look like s3://bucket"),
        ("URL", "s3://", "it must look like s3://bucket"),
        ("ENDPOINT", "https://key:hush@example.org", "keys are variables of their own"),
        ("ACCESS_KEY_ID", "key", "go together"),
        ("TIMEOUT_SECONDS", "0", "greater than 0"),
    ],
)
def test_a_bucket_that_cant_be_is_refused(data: Path, name: str, value: str, told: str) -> None:
    said = refused("doctor", "--data-dir", data, code=2, **{f"GARAZA_STORAGE__{name}": value})
    assert told in said


def test_the_doctor_asks_where_limits_are_counted(data: Path, valkey: Valkey) -> None:
    given = {"GARAZA_SERVER__PORT": "0", "GARAZA_UPLOADS__MIN_FREE_BYTES": "0"}
    done = run("doctor", "--data-dir", data, **given, GARAZA_REDIS__URL=valkey.url)
    assert done.returncode == 0
    assert "each process counts at GARAZA_REDIS__URL" in done.stdout
    done = run("doctor", "--data-dir", data, **given, GARAZA_REDIS__URL="redis://:hush@127.0.0.1:1/0")
    assert done.returncode == 1
    assert "can't be used: see GARAZA_REDIS__URL" in done.stdout
    assert "hush" not in done.stdout + done.stderr
