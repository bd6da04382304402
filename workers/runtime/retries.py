"""What passes by itself: a store, a database or a Redis that does not answer for a while.

A job that meets it is tried again within its attempts, each time after a longer pause; whatever else
goes wrong would go wrong again, and fails the job at once.
"""

from __future__ import annotations

from redis import RedisError
from sqlalchemy import exc

from common.errors import ClipBrowserError, Unavailable
from common.settings import Settings
from common.store.disk import is_disk_full

GROWTH = 3
FULL_REMEDY = "Free some disk space."
LONGEST_PAUSE_S = 600.0
OF_THE_DATABASE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


def passing(problem: Exception) -> ClipBrowserError | None:
    """What is away, as an error that says so; None when trying again would not help."""
    if isinstance(problem, Unavailable):
        return problem
    if isinstance(problem, OF_THE_DATABASE):
        if is_disk_full(problem):
            return Unavailable("The database has no space left to write.", remedy=FULL_REMEDY)
        return Unavailable(f"The database did not answer ({type(problem).__name__}).")
    if isinstance(problem, RedisError | ConnectionError | TimeoutError):
        return Unavailable(f"A service did not answer ({type(problem).__name__}: {problem}).")
    return None


def pause_s(settings: Settings, attempt: int) -> float:
    """Seconds between this attempt's end and the next one's begin."""
    return min(settings.retry_pause_s * float(GROWTH ** (attempt - 1)), LONGEST_PAUSE_S)
