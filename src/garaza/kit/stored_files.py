"""Serving a file that is stored under its content's digest, at an address that carries a part of it."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from garaza.kit.blobs.port import Place
from garaza.kit.conditional import PRIVATE, must_match, named
from garaza.kit.content_codings import accept_encoding, choose
from garaza.kit.files import IMMUTABLE, coded_tag, file_answer, gone, not_modified
from garaza.kit.packed_files import Copy, codings_of, copy_name

_DIGEST_LETTERS = 16
"""Of the content's digest in an address: enough that two versions of a file never share one."""
_PRIVATE_IMMUTABLE = "private, max-age=31536000, immutable"
# A page among the files has its style inside: nothing else may run or load in it.
_OWN_PAGE = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
}


_FILE = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": _FILE},
    206: {"description": "A part of it", "content": _FILE},
    304: {"description": "What the client has is good"},
}
"""What the documentation of a route that gives a file says of its answers."""
FILE_PARAMETERS = [
    {"name": name, "in": "header", "schema": {"type": "string"}, "description": text}
    for name, text in (
        ("Range", "Which part: bytes=0-1023"),
        ("If-Range", "The ETag or the time of what the part must belong to; otherwise it is the whole"),
        ("If-Match", "ETags of which it must have one; 412 otherwise"),
        ("If-Unmodified-Since", "What it must not have changed since; looked at only without If-Match"),
        ("If-None-Match", "ETags of what the client has"),
        ("If-Modified-Since", "Of what the client has; looked at only without If-None-Match"),
    )
]
"""And of its headers."""
FILE_ROUTE: dict[str, Any] = {
    "response_class": Response,
    "responses": FILE_RESPONSES,
    "openapi_extra": {"parameters": FILE_PARAMETERS},
}
"""Arguments of a route that gives a file."""


def version_of(digest: str) -> str:
    """What the parameter `v` of a file's address is, as long as the file has this content."""
    return digest[:_DIGEST_LETTERS]


def unchanged_headers(
    path: PurePath, *, digest: str, version: str, private: bool, asked: str, accepted: bytes | None
) -> dict[str, str] | None:
    """Those of the 304 that `stored_file_answer` gives without a look at the disk; None: it has to look.

    For requests that ask for no part, and have no condition but this one.

    Args:
        path: of the file, or at least its name.
        version, private: as there.
        asked: If-None-Match.
        accepted: Accept-Encoding.
    """
    codings = codings_of(path)
    tag = _kept_tag(digest, choose(accepted, codings).coding if codings else None, asked)
    if tag is None:
        return None
    headers = {"ETag": tag, "Cache-Control": _cache_control(digest, version, private=private)}
    return {**headers, **_VARY} if codings else headers


async def stored_file_answer(
    request_headers: Headers,
    place: Place,
    *,
    digest: str,
    media_type: str,
    version: str,
    private: bool,
    revocable: bool = False,
) -> Response:
    """The file, a part of it, or 304.

    Args:
        version: the parameter `v` that was asked for. The right one never means other content, so it may be kept.
        private: whether only the one who asked may keep it. A shared cache would give it to others.
        revocable: whether the right to read it may end; then it is asked for each time, however little is sent.

    Raises:
        HTTPException: 404 if the file has gone since it was looked up; 412.
    """
    headers = dict(_OWN_PAGE) if media_type.startswith("text/html") else {}
    cache_control = PRIVATE if revocable else _cache_control(digest, version, private=private)
    plain, coding = f'"{digest}"', None
    if codings := codings_of(place.key):
        headers.update(_VARY)
        coding = choose(accept_encoding(request_headers), codings).coding
        if "range" in request_headers and (
            coding is None or request_headers.get("if-range", "").strip() != coded_tag(plain, coding)
        ):
            # A part is one of the file as it is, unless it goes on with a copy that the client has begun.
            coding = None
    # What is asked most often of files, and answered by the row alone: nothing is looked at on the disk.
    if (
        (asked := request_headers.get("if-none-match")) is not None
        and not must_match(request_headers)
        and (tag := _kept_tag(digest, coding, asked)) is not None
    ):
        return not_modified(tag, {"Cache-Control": cache_control, **headers})
    keys = [place.key] if coding is None else [place.key, copy_name(place.key, coding)]
    blob, *copies = await place.blobs.find(*keys)
    if blob is None:
        raise gone()
    return file_answer(
        request_headers,
        blob,
        digest=digest,
        media_type=media_type,
        cache_control=cache_control,
        headers=headers,
        copy=next((Copy(copy, coding) for copy in copies if copy is not None and coding is not None), None),
    )


_VARY = {"Vary": "Accept-Encoding"}


def _cache_control(digest: str, version: str, *, private: bool) -> str:
    if version != version_of(digest):
        return PRIVATE
    return _PRIVATE_IMMUTABLE if private else IMMUTABLE


def _kept_tag(digest: str, coding: str | None, asked: str) -> str | None:
    """That of what the client has, where it is good."""
    plain = f'"{digest}"'
    tags = (plain,) if coding is None else (coded_tag(plain, coding), plain)
    return None if asked.strip() == "*" else named(asked, tags)
