"""Runs the API: gunicorn with some processes of many threads each, all behind one port.

python -m api.serve

Any process may take any connection. What is bound to one process, a Socket.IO client that polls, finds it
by itself (`api/live/siblings.py`): besides the port of all, each process listens on one of its own, on
loopback. gunicorn starts a process that ended again, in the same place and on the same port.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import resource
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from common.file_modes import keep_private
from common.logs import Event, configure_logging, tell, tell_start
from common.processes import die_with_parent, ending_with_a_sentence, shared_folder
from common.settings import Settings, load_settings, require_secret_key

log = logging.getLogger("api.serve")
GRACE_S = 3
STORE_ANSWER_S = 2.5
FILES = 8192  # of each process, besides those of its WebSockets
OWN_ADDRESS = "127.0.0.1:0"  # the kernel chooses the port
# prometheus_client's own switch, read when it is first imported: it counts in files of this folder.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings) -> None:
    """Listen on `settings.host:settings.port` until SIGTERM. Raises InvalidInput without a secret."""
    configure_logging("api", settings)
    require_secret_key(settings)
    tell_start(log, settings, processes=settings.processes, address=settings.address)
    keep_private(settings.data_dir, settings.database)
    if settings.stack == "external":  # `clip-browser up` has done it before it starts the parts
        prepare_database(settings)
    with shared_folder(prefix="clip-browser-metrics-") as folder:
        os.environ[METRICS_FOLDER] = str(folder)
        _load_modules()
        _allow_files(FILES + settings.api_sockets)
        Server(settings, folder).run()


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's own lines among ours, in the same form."""

    def setup(self, cfg: Any) -> None:
        """gunicorn's hook, in place of handlers and a form of its own."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.setLevel(logging.WARNING)
        self.error_log.propagate = True
        self.error_log.handlers[:] = []
        self.error_log.filters[:] = [_name_lost_process]


def _name_lost_process(record: logging.LogRecord) -> bool:
    """gunicorn says in words alone that it found one of its processes dead, or ended one that hung."""
    if record.levelno >= logging.WARNING and record.msg.upper().startswith("WORKER "):
        record.event = Event.PROCESS_CRASHED
    return True


def _load_modules() -> None:
    """Import the app before the processes fork: what is not written to, they share in memory."""
    import api.app  # noqa: F401

    gc.freeze()


def _allow_files(count: int) -> None:
    """Let the processes have a file for each connection; where usual limits are low, the hard one is not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def prepare_database(settings: Settings) -> None:
    """Bring the database to the newest schema and make the admin; print a link without a password."""
    from common.db.engine import migrate, open_engine, session_factory
    from common.people.credentials import (
        ensure_admin,
        explain_admin_password,
        make_sign_in_link,
    )

    migrate(settings.database)
    engine = open_engine(settings.database)
    with session_factory(engine)() as session:
        admin = ensure_admin(session, settings)
        if admin.password_hash is None:
            link = make_sign_in_link(session, settings, admin)
            print(f"Sign in once, within a day: {link}", flush=True)
        told = explain_admin_password(admin, settings)
    if told:
        print(told, flush=True)
    engine.dispose()  # gunicorn forks: its workers open connections of their own


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up from our settings alone. The app is made in each worker process.

    metrics_folder: where the processes count, so that any of them can tell the sum.
    """

    def __init__(self, settings: Settings, metrics_folder: Path) -> None:
        self._settings, self._metrics_folder = settings, metrics_folder
        self._own, self._ports = 0, (0,)
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's hook: the configuration."""
        processes = self._settings.processes
        chosen: dict[str, Any] = {
            "bind": [f"{self._settings.host}:{self._settings.port}"] + [OWN_ADDRESS] * processes,
            "worker_class": "api.connections.worker.LingeringWorker",
            "workers": processes,
            "threads": self._settings.api_threads,
            "worker_connections": max(1000, self._settings.api_threads * 4),
            "timeout": 120,
            "graceful_timeout": GRACE_S,
            "keepalive": 20,
            "backlog": 1024,
            "loglevel": "warning",
            "errorlog": "-",
            "logger_class": ServerLog,
            "accesslog": None,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # api/trusted_proxies.py decides whom to believe
            "proc_name": "clip-browser-api",
            "pre_fork": _give_a_place,
            "post_fork": self._begin,
            "on_exit": _tell_end,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def _begin(self, arbiter: Any, worker: Any) -> None:
        """In the new process: end with the master, listen on the port of all and on the own one."""
        die_with_parent(arbiter.pid)
        public, *own = worker.sockets
        self._own = worker.place
        self._ports = tuple(each.getsockname()[1] for each in own)
        worker.sockets = [public, own[worker.place]]
        tell(
            log, Event.PROCESS_STARTED, f"process {self._own} of the API has started",
            pid=os.getpid(), place=self._own,
        )  # fmt: skip

    def load(self) -> Any:
        """gunicorn's hook: the WSGI app, in the worker."""
        from api.live.siblings import Siblings

        return make_app(self._settings, Siblings(self._own, self._ports), self._metrics_folder)


def _give_a_place(arbiter: Any, worker: Any) -> None:
    """Before a process is forked: the first place that no living one has."""
    taken = {each.place for each in arbiter.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def _tell_end(_arbiter: Any) -> None:
    """The master ends, and all its processes have."""
    tell(log, Event.PROCESS_ENDED, "api has ended", pid=os.getpid())


def make_app(settings: Settings, siblings: Any, metrics_folder: Path) -> Any:
    """The app with real clients for everything `settings` names."""
    from api.app import create_app, start_live
    from common.db.engine import open_engine
    from common.messaging.broker import Queue
    from common.messaging.events import Events
    from common.messaging.replies import Replies
    from common.store import open_store

    engine = open_engine(settings.database, processes=settings.processes, is_watched=True)
    app = create_app(
        settings,
        open_store(settings.store, STORE_ANSWER_S),
        Queue(settings),
        engine,
        Events(settings),
        Replies(settings),
        siblings=siblings,
        metrics_folder=metrics_folder,
    )
    start_live(app)
    return app


if __name__ == "__main__":
    with ending_with_a_sentence():
        serve(load_settings())
