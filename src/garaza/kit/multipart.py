"""Receiving one file of a multipart form straight into its final place on disk, in constant memory."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from garaza.kit.receiving import WRITE_BYTES, DiskFullError, TooLargeError, new_file, write_all
from garaza.kit.waiting import in_thread

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM_OVERHEAD_BYTES = 1 << 16
"""What a form may have around its file."""
_MAX_HEADER_BYTES = 8192
_MAX_NAME_LENGTH = 200


class MultipartError(Exception):
    """The body is not the form that was expected."""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """What arrived."""

    name: str
    """As the client called it, cleaned for showing; empty if it gave none."""
    size_bytes: int


async def receive_file(
    body: AsyncIterator[bytes],
    content_type: str,
    field: str,
    path: Path,
    max_bytes: int,
    has_room: Callable[[], bool] = lambda: True,
) -> ReceivedFile:
    """Write the content of form field `field` to `path`; other fields are read past, within `FORM_OVERHEAD_BYTES`.

    `path` is not left behind when anything is raised, including a client that goes away.

    Args:
        has_room: asked after each megabyte, in a thread. A length need not be declared, and others write meanwhile.

    Raises:
        MultipartError, TooLargeError, DiskFullError
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        msg = f"Send the file as multipart/form-data, in a field named “{field}”."
        raise MultipartError(msg)
    form = _Form(field, max_bytes)
    try:
        async with new_file(path) as file:
            await _receive(body, MultipartParser(boundary, form.callbacks()), form, file, has_room)
            form.require_complete()
    except FormParserError as error:
        msg = "The form is malformed."
        raise MultipartError(msg) from error
    return ReceivedFile(clean_name(form.filename), form.size)


async def _receive(
    body: AsyncIterator[bytes],
    parser: MultipartParser,
    form: _Form,
    file: BinaryIO,
    has_room: Callable[[], bool],
) -> None:
    arrived = 0
    async for chunk in body:
        arrived += len(chunk)
        if arrived > form.max_bytes + FORM_OVERHEAD_BYTES:
            raise TooLargeError
        parser.write(chunk)
        if len(form.pending) >= WRITE_BYTES:
            await in_thread(form.write_to, file)
            if not await in_thread(has_room):
                raise DiskFullError
    parser.finalize()
    await in_thread(form.write_to, file)


class _Form:
    """Follows the parser through the form."""

    def __init__(self, field: str, max_bytes: int) -> None:
        self._field = field.encode()
        self.max_bytes = max_bytes
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._wanted = False
        self.found = False
        self.complete = False
        self.filename = ""
        self.size = 0
        self.pending = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def write_to(self, file: BinaryIO) -> None:
        write_all(file, self.pending)
        self.pending.clear()

    def require_complete(self) -> None:
        if not self.complete:
            name = self._field.decode()
            msg = "The form broke off." if self.found else f"The form has no file in a field named “{name}”."
            raise MultipartError(msg)

    def _begin(self) -> None:
        self._headers = {}

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._bound_headers()

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._bound_headers()

    def _bound_headers(self) -> None:
        held = sum(map(len, self._headers.values())) + len(self._header_name) + len(self._header_value)
        if held > _MAX_HEADER_BYTES:
            msg = "A part of the form has headers that are too long."
            raise MultipartError(msg)

    def _end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._wanted = options.get(b"name") == self._field and not self.found
        if self._wanted:
            self.found = True
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._wanted:
            return
        self.size += end - start
        if self.size > self.max_bytes:
            raise TooLargeError
        self.pending += data[start:end]

    def _end(self) -> None:
        self.complete = self.complete or self._wanted
        self._wanted = False


def clean_name(name: str) -> str:
    """A file name that is safe to show: the last component, without control characters, bounded in length."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    printable = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    return printable.strip()[:_MAX_NAME_LENGTH]
