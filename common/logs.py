"""Log lines on standard error: what happened, where and to what, by name and with ids, as text or as JSON.

One line each; in text a traceback follows. `Event` is the list of what is told by a name of its own, for whoever
counts or is woken by it; anything else is a NOTE. What each means: docs/logs.md. No line holds a secret.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from common.log_secrets import Secrets, without_secrets
from common.settings import Settings
from common.version import VERSION

_job: ContextVar[str] = ContextVar("job", default="")
_request: ContextVar[str] = ContextVar("request", default="")
_user: ContextVar[str] = ContextVar("user", default="")
OURS = ("api", "cli", "common", "workers")  # of these also what is no warning
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
LONGEST_VALUE = 400  # characters of a fact
_process = {"part": "", "worker": ""}


class Event(StrEnum):
    """What is told under a name of its own; its meaning: docs/logs.md."""

    PROCESS_STARTED = "process_started"
    PROCESS_ENDED = "process_ended"
    PROCESS_CRASHED = "process_crashed"
    PROCESS_RESTARTED = "process_restarted"
    DATABASE_MIGRATED = "database_migrated"
    WORKER_JOINED = "worker_joined"
    WORKER_LEFT = "worker_left"
    WORKER_STUCK = "worker_stuck"
    JOB_QUEUED = "job_queued"
    JOB_BEGUN = "job_begun"
    JOB_ENDED = "job_ended"
    JOB_RETRIED = "job_retried"
    JOB_REQUEUED = "job_requeued"
    JOB_LOST = "job_lost"
    CHILD_STARTED = "child_started"
    CHILD_ENDED = "child_ended"
    CHILD_KILLED = "child_killed"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_IN = "signed_in"
    NOTE = "note"


def tell(
    log: logging.Logger, event: Event, message: str, level: int = logging.INFO, **facts: Any
) -> None:
    """Log what happened under its name. facts: ids and values, which become fields of the line."""
    log.log(level, "%s", message, extra={"event": event, "facts": facts}, stacklevel=2)


@contextmanager
def of_job(job_id: str) -> Iterator[None]:
    """What is logged here belongs to this job."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)


def begin_request(given: str | None) -> str:
    """What this thread logs from now on belongs to this request; its id: the given one, if it is fit."""
    request_id = given if given and ID.fullmatch(given) else secrets.token_hex(8)
    _request.set(request_id)
    _user.set("")
    return request_id


def name_user(name: str) -> None:
    """Who makes this thread's request."""
    _user.set(name)


def end_request() -> None:
    """What this thread logs from now on belongs to no request."""
    _request.set("")
    _user.set("")


def request_id() -> str:
    """The id of the request that this thread serves; "" for none."""
    return _request.get()


def name_worker(name: str) -> None:
    """What this process and those that it forks log belongs to this worker."""
    _process["worker"] = name


def with_ids(run: Callable[[], None]) -> Callable[[], None]:
    """The function for another thread, whose log lines have the ids of this one's."""
    context = copy_context()
    return lambda: context.run(run)


class AddIds(logging.Filter):
    """Gives each record `fields`: its ids and facts; and `ids`, the same as text: " job=... request=..."."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        named = {
            "job": _job.get(), "request": _request.get(), "worker": _process["worker"],
            "user": _user.get(), **getattr(record, "facts", {}),
        }  # fmt: skip
        fields = {name: _plain(value) for name, value in named.items() if value not in ("", None)}
        record.fields = fields
        record.ids = "".join(f" {name}={_quoted(value)}" for name, value in fields.items())
        return True


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST_VALUE]


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[\s\"=]", text) or not text else text


class TextLines(logging.Formatter):
    """`time LEVEL part event logger ids and facts: message`, and the traceback below."""

    def __init__(self, hidden: Secrets) -> None:
        super().__init__()
        self._hidden = hidden

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        event = getattr(record, "event", Event.NOTE)
        head = f"{_time_of(record)} {record.levelname} {_process['part']} {event} {record.name}"
        message = "".join(
            each if each.isprintable() else ascii(each)[1:-1] for each in record.getMessage()
        )
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return self._hidden.hide(f"{head}{getattr(record, 'ids', '')}: {message}{trace}")


class JsonLines(logging.Formatter):
    """An object a line: time, level, part, event, message, logger, the ids and facts that there are, traceback."""

    def __init__(self, hidden: Secrets) -> None:
        super().__init__()
        self._hidden = hidden

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        line = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "part": _process["part"],
            "event": getattr(record, "event", Event.NOTE),
            "message": record.getMessage(),
            "logger": record.name,
        }
        line |= {f: v for f, v in getattr(record, "fields", {}).items() if f not in line}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        shown = {
            name: self._hidden.hide(each) if isinstance(each, str) else each
            for name, each in line.items()
        }
        return json.dumps(shown, ensure_ascii=False)


def _time_of(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure_logging(part: str, settings: Settings) -> None:
    """Log lines of this process and those that it forks go to standard error. In place of what was set up before.

    part: what this process is: api, worker, beat ... Libraries tell warnings alone, whatever the level:
    what they say below may hold what must not be read.
    """
    _process["part"] = part
    form = {"text": TextLines, "json": JsonLines}[settings.log_format]
    handler = logging.StreamHandler()
    handler.addFilter(AddIds())
    handler.setFormatter(form(Secrets(settings)))
    root, level = logging.getLogger(), settings.log_level.upper()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _tell_crash
    threading.excepthook = _tell_crash_of_thread


def tell_start(log: logging.Logger, settings: Settings, **facts: Any) -> None:
    """That this process has started, and what it stands on."""
    tell(
        log, Event.PROCESS_STARTED, f"{_process['part']} {VERSION} has started",
        version=VERSION, pid=os.getpid(), host=socket.gethostname(),
        database=without_secrets(settings.database), redis=without_secrets(settings.redis_url),
        store=without_secrets(settings.store), **facts,
    )  # fmt: skip


def _tell_crash(kind: type[BaseException], problem: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical(
        "the process ends: %s", problem, exc_info=(kind, problem, trace),
        extra={"event": Event.PROCESS_CRASHED, "facts": {"pid": os.getpid()}},
    )  # fmt: skip


def _tell_crash_of_thread(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None:
        name = crash.thread.name if crash.thread else "?"
        caught = (crash.exc_type, crash.exc_value, crash.exc_traceback)
        logging.getLogger(__name__).error("the thread %s ended", name, exc_info=caught)
