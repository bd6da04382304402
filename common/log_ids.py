"""Log lines say to which job and which request they belong: set once, told by every logger of the thread."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

_job: ContextVar[str] = ContextVar("job", default="")
_request: ContextVar[str] = ContextVar("request", default="")
FORMAT = "%(asctime)s %(levelname)s %(name)s%(ids)s: %(message)s"
OURS = ("api", "common", "workers")  # of these also what is no warning
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


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
    return request_id


def end_request() -> None:
    """What this thread logs from now on belongs to no request."""
    _request.set("")


def request_id() -> str:
    """The id of the request that this thread serves; "" for none."""
    return _request.get()


def with_ids(run: Callable[[], None]) -> Callable[[], None]:
    """The function for another thread, whose log lines have the ids of this one's."""
    context = copy_context()
    return lambda: context.run(run)


class AddIds(logging.Filter):
    """Gives each record `ids`: " job=... request=...", as far as there are any."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        named = (("job", _job.get()), ("request", _request.get()))
        record.ids = "".join(f" {name}={value}" for name, value in named if value)
        return True


def configure_logging() -> None:
    """Log lines with time, level, logger and ids to standard error. In place of what was set up before."""
    handler = logging.StreamHandler()
    handler.addFilter(AddIds())
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
