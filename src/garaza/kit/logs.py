"""Lines of a log, for people or for programs, each with the request that it was written for."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from garaza.kit.current_request import current_request

FIELDS = "fields"
"""Attribute of a record that holds what it says, by name: `logger.info("…", extra={FIELDS: {…}})`."""


class HumanFormatter(logging.Formatter):
    """`time LEVEL logger: what [name=value …] [request id]`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """See `logging.Formatter`."""
        line = super().formatMessage(record)
        fields = getattr(record, FIELDS, None)
        if fields:
            line += "".join(f" {name}={_shown(value)}" for name, value in fields.items() if value is not None)
        request = current_request.get()
        if request is not None and request.request_id:
            line += f" request={request.request_id}"
        return line


class JsonFormatter(logging.Formatter):
    """An object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = current_request.get()
        if request is not None:
            if request.request_id:
                told["request_id"] = request.request_id
            if request.trace_id:
                told["trace_id"] = request.trace_id
        fields = getattr(record, FIELDS, None)
        if fields:
            told.update({name: value for name, value in fields.items() if value is not None})
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def _shown(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\r\t') else text
