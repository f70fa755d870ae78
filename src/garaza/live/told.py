"""What clients are told of an event, put into words once, however many they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from garaza.jobs.news import Mark, News
from garaza.live.cursors import cursor_of

ENDS = frozenset({"completed", "failed", "cancelled"})
DETAILS = frozenset({"stage", "log"})
"""For who asks for them: clients that don't may take a kind that they don't know for an error."""

CANCELLED = {
    "reason": "cancelled",
    "message": "The work on this scan was cancelled.",
    "advice": "Ask for it again whenever you like: the video is still here.",
    "details": {},
}

_STATES = {
    "queued": "Waiting for its turn",
    "running": "Starting",
    "retrying": "Stopped unexpectedly; trying again",
}


class Told:
    """An event on its way to clients.

    Args:
        mark: how far a client has come with it.
    """

    __slots__ = ("_cursor", "_of_a_job", "_of_many", "mark", "news")

    def __init__(self, news: News, mark: Mark) -> None:
        self.news = news
        self.mark = mark
        self._cursor: str | None = None
        self._of_a_job: str | None = None
        self._of_many: str | None = None

    @property
    def cursor(self) -> str:
        """To go on from."""
        if self._cursor is None:
            self._cursor = cursor_of(self.mark)
        return self._cursor

    @property
    def type(self) -> str:
        """As messages of many jobs call it."""
        match self.news.kind:
            case "completed":
                return "complete"
            case "failed" | "cancelled":
                return "error"
            case "progress" | "stage" | "log" | "uploaded" | "deleted":
                return self.news.kind
            case _:
                return "progress"

    def of_a_job(self) -> str:
        """The message to who follows this job alone; not of its end."""
        if self._of_a_job is None:
            self._of_a_job = message(self.type, {"event_id": self.news.id}, _data(self.news))
        return self._of_a_job

    def of_many(self) -> str:
        """The message to who follows many jobs."""
        if self._of_many is None:
            names = {"job_id": self.news.job_id, "event_id": self.news.id, "cursor": self.cursor}
            self._of_many = message(self.type, names, _data(self.news))
        return self._of_many


@dataclass(frozen=True, slots=True)
class Note:
    """A message that is of no event."""

    type: str
    data: Any = None
    cursor: str | None = None

    def text(self) -> str:
        """All of it."""
        return message(self.type, {} if self.cursor is None else {"cursor": self.cursor}, self.data)


PING, PONG = Note("ping"), Note("pong")


def message(kind: str, names: dict[str, Any], data: Any) -> str:
    """One of the messages that all look alike."""
    return json.dumps({"type": kind, **names, "data": data}, separators=(",", ":"), ensure_ascii=False)


def _data(news: News) -> dict[str, Any]:
    match news.kind:
        case "cancelled":
            return CANCELLED
        case "completed":
            # All of it is much, and not everybody wants it.
            return {"status": "completed", "result": f"/api/result/{news.job_id}"}
        case "progress" | "stage" | "log" | "failed" | "uploaded" | "deleted":
            return news.data
    # Changes of state in the form that existing clients know: a progress that names a stage of its own.
    words = _STATES.get(news.kind, news.kind)
    return {"stage": news.kind, "progress": 0, "current_frame": None, "total_frames": None, "message": words}
