"""What clients say about a resumable upload."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from garaza.errors import GarazaError
from garaza.kit.tus import TusError, parse_metadata
from garaza.uploads.sender import Wishes
from garaza.webhooks.address import WebhookAddress

_FLAGS = {"": True, "true": True, "1": True, "false": False, "0": False}
_ADDRESS: TypeAdapter[str] = TypeAdapter(WebhookAddress)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of the keys of Upload-Metadata those that mean something here; others are kept, and told again."""

    name: str
    process: bool
    webhook_url: str | None

    @classmethod
    def read(cls, told: str) -> Metadata:
        """Of a header.

        Raises:
            GarazaError: 400.
        """
        try:
            found = parse_metadata(told)
        except TusError as error:
            raise GarazaError(400, "bad_upload_metadata", str(error)) from None
        process = found.get("process", "false")
        if process not in _FLAGS:
            raise GarazaError(400, "bad_upload_metadata", "“process” in Upload-Metadata is true or false.")
        webhook_url = found.get("webhook_url")
        if webhook_url is not None:
            try:
                webhook_url = _ADDRESS.validate_python(webhook_url)
            except ValidationError as error:
                detail = f"“webhook_url” in Upload-Metadata: {error.errors()[0]['msg']}"
                raise GarazaError(400, "bad_upload_metadata", detail) from None
        # Some clients call it otherwise.
        return cls(found.get("filename", found.get("name", "")), _FLAGS[process], webhook_url)

    def wishes(self, upload_key: str | None) -> Wishes:
        return Wishes(upload_key, self.webhook_url)
