"""All tables there are: importing a feature's models is what makes them known."""

from __future__ import annotations

from garaza.accounts import models as accounts
from garaza.furniture import models as furniture
from garaza.jobs import models as jobs
from garaza.kit.models import Base
from garaza.machines import models as machines
from garaza.rooms import models as rooms
from garaza.uploads import models as uploads
from garaza.webhooks import models as webhooks

__all__ = ["accounts", "furniture", "jobs", "machines", "metadata", "rooms", "uploads", "webhooks"]

metadata = Base.metadata
