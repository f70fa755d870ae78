"""What the work on a job says, on its way from the thread that does it to the database."""

from __future__ import annotations

import threading
import time
from typing import Any

from garaza.jobs.claims import Note, Report
from garaza.reconstruction.progress import Progress

_MOST_NOTES = 200
"""Of one attempt; what is more is dropped. A reconstruction has a handful of stages, and says a few lines in each."""
_LONGEST_TEXT = 300


class Reports:
    """Gathers between two heartbeats. Of progress only the newest is kept; every stage and every line is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: dict[str, Any] | None = None
        self._notes: list[Note] = []
        self._left = _MOST_NOTES
        self._stage: str | None = None
        self.stages: list[tuple[str, float]] = []
        """All that have begun, and when, in Unix seconds."""

    def progress(self, progress: Progress) -> None:
        """Called from the thread that works."""
        stage, message = progress.stage.value, progress.message[:_LONGEST_TEXT]
        with self._lock:
            if stage != self._stage:
                self._stage = stage
                self.stages.append((stage, time.time()))
                self._note("stage", {"stage": stage, "message": message})
            self._progress = {
                "stage": stage,
                "progress": progress.progress,
                "current_frame": progress.current,
                "total_frames": progress.total,
                "message": message,
            }

    def log(self, text: str) -> None:
        """Called from the thread that works."""
        with self._lock:
            self._note("log", {"stage": self._stage, "text": text[:_LONGEST_TEXT]})

    def _note(self, kind: str, data: dict[str, Any]) -> None:
        if self._left > 0:
            self._left -= 1
            self._notes.append(Note(kind, data))

    def take(self) -> Report:
        """What has come since the last time."""
        with self._lock:
            report = Report(self._progress, tuple(self._notes))
            self._progress, self._notes = None, []
        return report

    def put_back(self, report: Report) -> None:
        """It could not be written: the next one to be taken includes it."""
        with self._lock:
            self._progress = self._progress or report.progress
            self._notes = [*report.notes, *self._notes]
