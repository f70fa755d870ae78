"""Pictures of products that are elsewhere: got once, made small, kept, and shown from here.

The page shows no picture of another origin, so that nobody elsewhere learns who looks at what. Only addresses that the
catalogue gives for the product are called, and only public ones: see `kit.safe_http`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter, OrderedDict
from pathlib import Path
from urllib.parse import urljoin

import garaza
from garaza.errors import GarazaError, not_found
from garaza.furniture.products import Product
from garaza.furniture.thumbnails import MEDIA_TYPE, NoPictureError, thumbnail
from garaza.kit.clock import Clock, system_clock
from garaza.kit.file_cache import FileCache
from garaza.kit.public_addresses import AddressRefused
from garaza.kit.safe_http import Answer, ConnectionFailed, SafeHttp

__all__ = ["MEDIA_TYPE", "Pictures", "client"]

USER_AGENT = f"Garaza/{garaza.__version__} (pictures)"
MAX_BYTES = 5 << 20
TIMEOUT_SECONDS = 10.0
"""Of one request."""
_TOTAL_SECONDS = 20.0
_MAX_REDIRECTS = 3
_AT_ONCE = 4
_MAX_WAITING = 64
"""Pictures that are being got; whoever asks for another hears to come back."""
_HOPELESS_SECONDS = 24 * 3600.0
_TROUBLE_SECONDS = 300.0
_MAX_MISSES = 10_000
_REDIRECTS = {301, 302, 303, 307, 308}
OUTCOMES = (
    "kept",
    "fetched",
    "none",
    "remembered",
    "busy",
    "slow",
    "unreachable",
    "address_refused",
    "status",
    "unusable",
    "failed",
)
"""Of a question: it is kept here; the product has none there; that it can't be had is remembered; too many are fetched.
Of fetching, which several may wait for: what it came to."""
_ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/gif"

logger = logging.getLogger(__name__)


class _Missing(Exception):
    def __init__(self, outcome: str, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.seconds = seconds
        """For which nobody needs to try again."""


def client() -> SafeHttp:
    """What requests go through."""
    return SafeHttp(
        user_agent=USER_AGENT, timeout_seconds=TIMEOUT_SECONDS, max_body_bytes=MAX_BYTES, max_connections=_AT_ONCE
    )


class Pictures:
    """See the module. For one event loop."""

    def __init__(self, folder: Path, http: SafeHttp, max_bytes: int, clock: Clock = system_clock) -> None:
        self._files = FileCache(folder, max_bytes)
        self._http = http
        self._clock = clock
        self._getting: dict[str, asyncio.Task[bytes]] = {}
        self._misses: OrderedDict[str, float] = OrderedDict()
        """Until when."""
        self.outcomes: Counter[str] = Counter()
        """See OUTCOMES."""
        self._turns = asyncio.Semaphore(_AT_ONCE)
        # One is decoded at a time: each may take a hundred megabytes, and a processor.
        self._decoder = asyncio.Lock()

    @property
    def fetching(self) -> int:
        """Pictures, now."""
        return len(self._getting)

    async def picture(self, product: Product, place: int) -> bytes:
        """One of a product's pictures, as it is shown: a WebP.

        Args:
            place: of its addresses, from 0.

        Raises:
            GarazaError: 404, it has none there, or nothing that can be shown; 503, too many are asked for.
        """
        if not 0 <= place < len(product.images) or not product.images[place].startswith(("http://", "https://")):
            self.outcomes["none"] += 1
            raise not_found("picture")
        url = product.images[place]
        key = hashlib.blake2b(url.encode(), digest_size=20).hexdigest()
        if self._misses.get(key, 0) > self._clock():
            self.outcomes["remembered"] += 1
            raise not_found("picture")
        content = await asyncio.to_thread(self._files.get, key)
        if content is None:
            content = await self._got(key, url)
        else:
            self.outcomes["kept"] += 1
        return content

    def forget(self) -> None:
        """Let go of what memory has: what couldn't be had is tried again."""
        self._misses.clear()

    async def aclose(self) -> None:
        """Stop what is being got. The client is whoever made it's to close."""
        tasks = list(self._getting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _got(self, key: str, url: str) -> bytes:
        """Whoever asks for the same meanwhile waits for the same; who goes away stops nobody else's."""
        task = self._getting.get(key)
        if task is None:
            if len(self._getting) >= _MAX_WAITING:
                self.outcomes["busy"] += 1
                detail = "Too many pictures are being fetched at the moment. Try again in a while."
                raise GarazaError(503, "overloaded", detail, {"Retry-After": "5"})
            task = self._getting[key] = asyncio.create_task(self._get(key, url))
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            return await asyncio.shield(task)
        except _Missing:
            raise not_found("picture") from None

    def _done(self, key: str, task: asyncio.Task[bytes]) -> None:
        del self._getting[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self.outcomes["fetched"] += 1
            return
        self.outcomes[error.outcome if isinstance(error, _Missing) else "failed"] += 1
        if not isinstance(error, _Missing):
            logger.error("A picture couldn't be made", exc_info=error)
        self._misses[key] = self._clock() + (error.seconds if isinstance(error, _Missing) else _TROUBLE_SECONDS)
        self._misses.move_to_end(key)
        if len(self._misses) > _MAX_MISSES:
            self._misses.popitem(last=False)

    async def _get(self, key: str, url: str) -> bytes:
        async with self._turns:
            try:
                async with asyncio.timeout(_TOTAL_SECONDS):
                    body = await self._fetched(url)
            except TimeoutError:
                raise _Missing("slow", "it takes too long", _TROUBLE_SECONDS) from None
            except ConnectionFailed as failed:
                raise _Missing("unreachable", str(failed), _TROUBLE_SECONDS) from None
            except AddressRefused as refused:
                raise _Missing("address_refused", str(refused), _HOPELESS_SECONDS) from None
        async with self._decoder:
            try:
                content = await asyncio.to_thread(thumbnail, body)
            except NoPictureError as error:
                raise _Missing("unusable", str(error), _HOPELESS_SECONDS) from None
        await asyncio.to_thread(self._files.put, key, content)
        return content

    async def _fetched(self, url: str) -> bytes:
        for _ in range(1 + _MAX_REDIRECTS):
            answer = await self._http.request("GET", url, headers={"Accept": _ACCEPT})
            if answer.status not in _REDIRECTS:
                return _body_of(answer)
            # Where to is looked at like any other address, before anybody calls it.
            beyond = urljoin(url, answer.headers.get("location", ""))
            if url.startswith("https:") and not beyond.startswith("https:"):
                raise _Missing("unusable", "it sends from https to somewhere else", _HOPELESS_SECONDS)
            url = beyond
        raise _Missing("unusable", "it sends on and on", _HOPELESS_SECONDS)


def _body_of(answer: Answer) -> bytes:
    if answer.status != 200:
        gone = answer.status in {401, 403, 404, 410, 451}
        raise _Missing("status", f"status {answer.status}", _HOPELESS_SECONDS if gone else _TROUBLE_SECONDS)
    if not answer.complete:
        raise _Missing("unusable", f"more than {MAX_BYTES} bytes", _HOPELESS_SECONDS)
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise _Missing("unusable", "a coding that nobody asked for", _HOPELESS_SECONDS)
    return answer.body
