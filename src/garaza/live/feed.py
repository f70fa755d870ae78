"""What waits to be sent to one client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from garaza.jobs.news import Mark
from garaza.live.told import Note, Told

MOST_WAITING = 100
"""Messages. A client that is further behind gets the rest from the table of events, when it has taken these."""


class Feed:
    """Of some jobs, or of all jobs of an account."""

    __slots__ = ("behind", "job_ids", "queue", "seen", "user_id", "wake")

    def __init__(self, wake: Callable[[], None], *, job_ids: Iterable[str] = (), user_id: int | None = None) -> None:
        """`wake`: called when there is something."""
        self.job_ids = tuple(job_ids)
        self.user_id = user_id
        self.wake = wake
        self.queue: deque[Told | Note] | None = None
        """Made when there is something."""
        self.behind: Mark | None = None
        """From where on the table has to be read, after the queue; None: all that is new is in the queue."""
        self.seen = Mark(0)
        """What the client has been sent before it came here."""

    def put(self, told: Told, before: Mark) -> None:
        """Something has happened. `before`: how far everybody had come just before."""
        if self.behind is not None or self.has_seen(told.news.id):
            return
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) < MOST_WAITING:
            self.queue.append(told)
        else:
            self.behind = before
        self.wake()

    def has_seen(self, number: int) -> bool:
        """Whether the client knows the event of this id. 0: it has none."""
        return number > 0 and self.seen.has_passed(number)

    def say(self, note: Note) -> bool:
        """Send this too; False where too much waits."""
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) >= MOST_WAITING:
            return False
        self.queue.append(note)
        self.wake()
        return True

    def take(self) -> Told | Note | None:
        """The next one."""
        if self.queue:
            return self.queue.popleft()
        self.queue = None
        return None
