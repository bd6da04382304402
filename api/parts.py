"""What the views work with: made once by `create_app`, asked for by `parts()`."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from api.transient import Transient
from common.db import SessionFactory
from common.events import Events
from common.queue import Queue
from common.replies import Replies
from common.settings import Settings
from common.store import ArtifactStore

EXTENSION = "clip_browser"


@dataclass(frozen=True)
class Parts:
    """The clients of one API process. `readers` are sessions that only read."""

    settings: Settings
    store: ArtifactStore
    queue: Queue
    sessions: SessionFactory
    readers: SessionFactory
    events: Events
    replies: Replies
    transient: Transient


def parts() -> Parts:
    """The parts of the app that handles this request."""
    found: Parts = current_app.extensions[EXTENSION]
    return found
