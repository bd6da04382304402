"""Runs the API: gunicorn with one process of many threads, since Socket.IO needs one server a port.

python -m api.serve
"""

from __future__ import annotations

import os
from typing import Any

from gunicorn.app.base import BaseApplication

from common.processes import die_with_parent
from common.settings import Settings, load_settings, require_secret_key

GRACE_S = 3


def serve(settings: Settings) -> None:
    """Listen on `settings.host:settings.port` until SIGTERM. Raises InvalidInput without a secret."""
    require_secret_key(settings)
    if settings.stack == "external":  # `clip-browser up` has done it before it starts the parts
        prepare_database(settings)
    Server(settings).run()


def prepare_database(settings: Settings) -> None:
    """Bring the database to the newest schema and make the admin; print a link without a password."""
    from common.db.engine import migrate, open_engine, session_factory
    from common.people.credentials import ensure_admin, make_sign_in_link

    migrate(settings.database)
    engine = open_engine(settings.database)
    with session_factory(engine)() as session:
        admin = ensure_admin(session, settings)
        if admin.password_hash is None:
            link = make_sign_in_link(session, settings, admin)
            print(f"Sign in once, within a day: {link}", flush=True)
    engine.dispose()  # gunicorn forks: its worker opens connections of its own


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up from our settings alone. The app is made in the worker process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's hook: the configuration."""
        master = os.getpid()
        chosen: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._settings.api_threads,
            "worker_connections": max(1000, self._settings.api_threads * 4),
            "timeout": 120,
            "graceful_timeout": GRACE_S,
            "keepalive": 20,
            "backlog": 1024,
            "loglevel": "warning",
            "errorlog": "-",
            "accesslog": None,
            "control_socket_disable": True,
            "proc_name": "clip-browser-api",
            "post_fork": lambda _server, _worker: die_with_parent(master),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """gunicorn's hook: the WSGI app, in the worker."""
        return make_app(self._settings)


def make_app(settings: Settings) -> Any:
    """The app with real clients for everything `settings` names."""
    from api.app import create_app
    from common.db.engine import open_engine, reader_factory, session_factory
    from common.log_ids import configure_logging
    from common.messaging.broker import Queue
    from common.messaging.events import Events
    from common.messaging.replies import Replies
    from common.store import open_store

    configure_logging()
    engine = open_engine(settings.database)
    return create_app(
        settings,
        open_store(settings.store),
        Queue(settings),
        session_factory(engine),
        reader_factory(engine),
        Events(settings),
        Replies(settings),
    )


if __name__ == "__main__":
    serve(load_settings())
