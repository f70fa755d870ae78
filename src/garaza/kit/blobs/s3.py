"""Blobs as objects of a bucket that speaks S3's protocol, by obstore."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store
from starlette.responses import Response

from garaza.kit.blobs.port import RESULTS, UPLOADS, Blob, Found, Published, Some, StorageUnavailableError
from garaza.kit.files import FileAnswer, Read

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import S3Config, S3Credential

_PART_BYTES = 8 << 20
"""Of a large object, put or fetched at once."""
_MOST_PARTS = 9000
"""S3 takes 10,000 of an object."""
_AT_WORK = 4
"""Objects that go up at once, and that come here: what all of them have in memory is bounded."""
_SENT_BYTES = 1 << 20
"""Of a stream that is sent to a client: the least that is passed on at once."""
_KEYS_AT_ONCE = 1000
"""In a list, or deleted by one request."""
_ASKED_AT_ONCE = 16
_RESUMED = 3
"""How often in a row a stream that breaks off is taken up again."""
_REMEMBERED = 500
"""Versions whose files are known without asking: what is published never changes."""
_FRESH_SECONDS = 600.0
"""Sizes are summed over a list of everything, which takes a request for each thousand objects."""
_CHECKED_SECONDS = 2.0
_DAY = timedelta(days=1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class S3Options:
    """Where the bucket is, and how patient to be. What is left out is read from AWS_… variables."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    """None: of AWS. http:// is spoken only where it is said here."""
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    virtual_hosts: bool = False
    """The bucket's name is in the endpoint's."""
    patience: timedelta = timedelta(seconds=10)
    """How long it may be silent while somebody waits for an answer."""
    part_patience: timedelta = timedelta(seconds=60)
    """How long it may take for a part of a large object."""
    connections: int = 4
    """Parts of an object, or objects of a folder, on their way at once."""


@dataclass(frozen=True, slots=True)
class S3Blob:
    """An object, as it was when it was listed."""

    blobs: S3Blobs
    key: PurePosixPath
    size: int
    modified: float

    def answer(self, media_type: str, headers: Mapping[str, str], modified: float) -> Response:
        return FileAnswer(self._opened, size=self.size, modified=modified, media_type=media_type, headers=headers)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Read]:
        # Each range is a request of its own, which is made when the range is read.
        yield lambda start, end: self.blobs.stream(self.key, start, end)


class S3Blobs:
    """See `Blobs`.

    Args:
        scratch: folder of this machine for what has to be a file for a while.
    """

    on_disk = False

    def __init__(self, options: S3Options, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch
        self.name = f"s3://{options.bucket}/{options.prefix}"
        self._listed: OrderedDict[PurePosixPath, dict[PurePosixPath, S3Blob]] = OrderedDict()
        self._sizes: tuple[float, dict[str, int]] | None = None
        self._measuring = asyncio.Lock()
        self._putting = asyncio.Semaphore(_AT_WORK)
        self._fetching = asyncio.Semaphore(_AT_WORK)
        self._checking = asyncio.Lock()
        self._checked: tuple[float, StorageUnavailableError | None] = (float("-inf"), None)

    # One store for those who wait for an answer and one for what takes its time. Made when they are first used: what
    # they start must not come before a process forks.

    @cached_property
    def _store(self) -> S3Store:
        return _make_store(self._options, self._options.patience, retries=1)

    @cached_property
    def _bulk(self) -> S3Store:
        return _make_store(self._options, self._options.part_patience, retries=3)

    # Putting -----------------------------------------------------------------------------------------------------

    async def put(self, file: Path, key: PurePosixPath) -> None:
        await self._put(file, key, self._options.connections)
        await asyncio.to_thread(file.unlink)

    async def _put(self, file: Path, key: PurePosixPath, connections: int) -> None:
        size = (await asyncio.to_thread(file.stat)).st_size
        part = max(_PART_BYTES, -(-size // _MOST_PARTS))
        async with self._putting:
            with _told():
                await obstore.put_async(self._bulk, str(key), file, chunk_size=part, max_concurrency=connections)

    async def publish(self, folder: Path, key: PurePosixPath, earlier: Published | None = None) -> None:
        # All or nothing by this: no row names the version before this has returned.
        async def one(path: Path) -> None:
            name = path.relative_to(folder).as_posix()
            if earlier is None or not await self._copied(path, earlier, name, key / name):
                await self._put(path, key / name, 1)

        files = await asyncio.to_thread(lambda: [path for path in folder.rglob("*") if path.is_file()])
        await _all_of([partial(one, path) for path in files], self._options.connections)
        await asyncio.to_thread(shutil.rmtree, folder)

    async def _copied(self, path: Path, earlier: Published, name: str, key: PurePosixPath) -> bool:
        if not await asyncio.to_thread(_is_same, path, earlier.folder / name):
            return False
        try:
            with _told():
                await obstore.copy_async(self._bulk, str(earlier.key / name), str(key))
        except FileNotFoundError:
            return False
        return True

    # Getting -----------------------------------------------------------------------------------------------------

    async def fetch(self, key: PurePosixPath, to: Path) -> Path:
        await asyncio.to_thread(to.parent.mkdir, parents=True, exist_ok=True)
        file: IO[bytes] = await asyncio.to_thread(to.open, "wb")
        with file:
            await self._fill(file, key)
        return to

    async def fetch_folder(self, key: PurePosixPath, to: Path) -> Path:
        listed = await self._list(key)
        if not listed:
            raise FileNotFoundError
        fetches = [partial(self.fetch, found, to / found.relative_to(key)) for found in listed]
        await _all_of(fetches, self._options.connections)
        return to

    async def read(self, *keys: PurePosixPath) -> list[bytes]:
        return await _all_of([partial(self._read, key) for key in keys], _ASKED_AT_ONCE)

    async def _read(self, key: PurePosixPath) -> bytes:
        with _told():
            found = await obstore.get_async(self._store, str(key))
            return bytes(await found.bytes_async())

    async def open(self, key: PurePosixPath) -> IO[bytes]:
        file: IO[bytes] = await asyncio.to_thread(lambda: tempfile.TemporaryFile(dir=self._scratch))  # noqa: SIM115 - the caller's
        try:
            await self._fill(file, key)
            await asyncio.to_thread(file.seek, 0)
        except BaseException:
            file.close()
            raise
        return file

    async def _fill(self, file: IO[bytes], key: PurePosixPath) -> None:
        async with self._fetching, aclosing(self._parts(self._bulk, key, 0, None, _PART_BYTES)) as parts:
            async for part in parts:
                await asyncio.to_thread(file.write, part)

    async def stream(self, key: PurePosixPath, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes of an object, as fast as they are taken; closed, it lets go of its connection."""
        if start < end:
            async with aclosing(self._parts(self._store, key, start, end, _SENT_BYTES)) as parts:
                async for part in parts:
                    yield part

    async def _parts(
        self, store: S3Store, key: PurePosixPath, start: int, end: int | None, size: int
    ) -> AsyncGenerator[bytes, None]:
        """Bytes of an object. Where it breaks off it is taken up again, as nothing that is published ever changes."""
        begin, failures = start, 0
        while end is None or start < end:
            try:
                with _told():
                    options: GetOptions = {} if end is None else {"range": (start, end)}
                    found = await obstore.get_async(store, str(key), options=options)
                    end = found.range[1]
                    async for part in found.stream(min_chunk_size=size):
                        start += len(part)
                        failures = 0
                        yield part
            except StorageUnavailableError:
                failures += 1
                # Who has got nothing yet is told at once.
                if failures >= _RESUMED or start == begin:
                    raise
                await asyncio.sleep(0.2 * failures)
            else:
                if start < end:
                    # It said that this is all. It isn't.
                    failures += 1
                    if failures >= _RESUMED:
                        msg = "it sends less than it promises"
                        raise StorageUnavailableError(msg)

    # Looking -----------------------------------------------------------------------------------------------------

    async def find(self, *keys: PurePosixPath) -> list[Blob | None]:
        if keys[0].parts[0] != RESULTS:
            return [await self._head(key) for key in keys]
        version = PurePosixPath(*keys[0].parts[:3])
        listed = self._listed.get(version)
        if listed is None or keys[0] not in listed:
            listed = await self._list(version)
            self._remember(version, listed)
        return [listed.get(key) for key in keys]

    def _remember(self, version: PurePosixPath, listed: dict[PurePosixPath, S3Blob]) -> None:
        self._listed[version] = listed
        self._listed.move_to_end(version)
        while len(self._listed) > _REMEMBERED:
            self._listed.popitem(last=False)

    async def _head(self, key: PurePosixPath) -> S3Blob | None:
        try:
            with _told():
                return self._blob(await obstore.head_async(self._store, str(key)))
        except FileNotFoundError:
            return None

    def _blob(self, meta: ObjectMeta) -> S3Blob:
        return S3Blob(self, PurePosixPath(meta["path"]), meta["size"], meta["last_modified"].timestamp())

    async def _list(self, folder: PurePosixPath) -> dict[PurePosixPath, S3Blob]:
        return {blob.key: blob async for blob in self._each(folder)}

    async def _each(self, folder: PurePosixPath, offset: str | None = None) -> AsyncIterator[S3Blob]:
        with _told():
            async for page in obstore.list(self._store, str(folder), offset=offset, chunk_size=_KEYS_AT_ONCE):
                for meta in page:
                    yield self._blob(meta)

    async def present(self, keys: Collection[PurePosixPath]) -> set[PurePosixPath]:
        found = await _all_of([partial(self._head, key) for key in keys], _ASKED_AT_ONCE)
        return {blob.key for blob in found if blob is not None}

    async def children(self, key: PurePosixPath) -> list[str]:
        # From objects alone: some servers go on listing folders whose last object has gone.
        return sorted({found.parts[len(key.parts)] for found in await self._list(key)})

    # Removing, and housekeeping ----------------------------------------------------------------------------------

    async def remove(self, *keys: PurePosixPath) -> None:
        for key in keys:
            self._listed.pop(key, None)
            below = [] if key.parts[0] == UPLOADS else [str(path) for path in await self._list(key)]
            # Itself too: something that lies where a folder should be.
            paths = iter([*below, str(key)])
            while part := list(islice(paths, _KEYS_AT_ONCE)):
                with _told():
                    await obstore.delete_async(self._bulk, part)

    async def left_by_a_crash(self) -> list[Found]:
        # Others may be serving from the same bucket, so that nothing young is anybody's leftover.
        return []

    async def some(self, after: str, count: int) -> Some:
        videos: dict[str, list[Found]] = {}
        async for blob in self._each(PurePosixPath(UPLOADS), f"{UPLOADS}/{after}"):
            if len(videos) > count:
                break
            name = blob.key.parts[1]
            videos.setdefault(name, []).append(Found(PurePosixPath(*blob.key.parts[:2]), blob.modified))
        # What comes right after everything below a folder: "0" follows "/".
        results: dict[str, dict[PurePosixPath, float]] = {}
        async for blob in self._each(PurePosixPath(RESULTS), f"{RESULTS}/{after}0" if after else None):
            if len(results) > count:
                break
            versions = results.setdefault(blob.key.parts[1], {})
            version = PurePosixPath(*blob.key.parts[:3])
            versions[version] = max(versions.get(version, 0.0), blob.modified)
        names = sorted({*videos, *results})
        found = []
        for name in names[:count]:
            found += videos.get(name, [])
            found += [Found(version, modified) for version, modified in results.get(name, {}).items()]
        return Some(found, names[count - 1] if len(names) > count else "")

    async def usage(self) -> dict[str, int] | None:
        async with self._measuring:
            if self._sizes is None or time.monotonic() - self._sizes[0] > _FRESH_SECONDS:
                sizes = {}
                for kind in (UPLOADS, RESULTS):
                    sizes[kind] = sum([blob.size async for blob in self._each(PurePosixPath(kind))])
                self._sizes = (time.monotonic(), sizes)
            return self._sizes[1]

    async def check(self) -> None:
        async with self._checking:
            at, error = self._checked
            if time.monotonic() - at > _CHECKED_SECONDS:
                try:
                    await self.children(PurePosixPath("check"))
                    error = None
                except StorageUnavailableError as found:
                    error = found
                self._checked = (time.monotonic(), error)
        if error is not None:
            raise error


def _make_store(options: S3Options, patience: timedelta, retries: int) -> S3Store:
    # The names that AWS_… variables don't win over.
    config: S3Config = {}
    if options.endpoint is not None:
        config["aws_endpoint_url_s3"] = options.endpoint
    if options.region is not None:
        config["region"] = options.region
    return S3Store(
        options.bucket,
        prefix=options.prefix or None,
        config=config,
        credential_provider=_provider(options),
        virtual_hosted_style_request=options.virtual_hosts,
        client_options={
            "allow_http": options.endpoint is not None and options.endpoint.startswith("http://"),
            "connect_timeout": min(patience, timedelta(seconds=5)),
            "read_timeout": patience,
            # Of a whole request, however slowly a client takes what it asked for. Others watch over that.
            "timeout": _DAY,
        },
        retry_config={
            "max_retries": retries,
            "retry_timeout": patience,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2)},
        },
    )


def _provider(options: S3Options) -> Callable[[], S3Credential] | None:
    """Of the keys that were given, all together: a token of the environment would not go with them."""
    if options.access_key_id is None or options.secret_access_key is None:
        return None
    keys: S3Credential = {
        "access_key_id": options.access_key_id,
        "secret_access_key": options.secret_access_key,
        "token": options.session_token,
        "expires_at": None,
    }
    return lambda: keys


async def _all_of(acts: Iterable[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """What they come to. With the first failure the others end."""
    turns = asyncio.Semaphore(at_once)

    async def in_turn(act: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await act()

    tasks = [asyncio.ensure_future(in_turn(act)) for act in acts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_same(path: Path, other: Path) -> bool:
    return other.exists() and other.samefile(path)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of obstore as those of the port. Their own texts are pages long, and name what is asked for."""
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise StorageUnavailableError(_reason(error)) from None
        raise FileNotFoundError from None
    except (BaseError, ValueError, TimeoutError) as error:
        raise StorageUnavailableError(_reason(error)) from None


_REASONS = {
    "NoSuchBucket": "there is no such bucket",
    "InvalidAccessKeyId": "it doesn't know the access key",
    "SignatureDoesNotMatch": "the secret key doesn't belong to the access key",
    "AccessDenied": "the keys don't allow it",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
}
_SIGNS = {
    # Where a cloud's machines ask for theirs. Elsewhere nobody listens there.
    "169.254.": "there are no keys for it",
    "dns error": "its name can't be resolved",
    "kind: Connect": "nobody listens there",
    "kind: Timeout": "it doesn't answer in time",
    "InvalidCertificate": "its certificate isn't trusted",
    "BadScheme": "http:// is spoken only where the endpoint is set to it",
}


def _reason(error: BaseException) -> str:
    text = str(error)
    if code := re.search(r"<Code>(\w{1,60})</Code>", text):
        return _REASONS.get(code[1], f"it answers {code[1]}")
    if sign := next((sign for sign in _SIGNS if sign.lower() in text.lower()), None):
        return _SIGNS[sign]
    if status := re.search(r"status code: (\d{3})", text):
        return f"it answers with status {status[1]}"
    return f"obstore says {type(error).__name__}"
