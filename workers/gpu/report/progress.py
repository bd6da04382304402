"""What a run says of its steps: a few times a second, and once a second while a step takes long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from workers.gpu.report.metrics import MetricWriter
from workers.runtime.child_io import Emitter

REPORT_EVERY_S = 0.25
LOG_EVERY_S = 1.0
LONG_STEP_S = 2.0


@dataclass(frozen=True)
class Reports:
    """Whom a run talks to."""

    writer: MetricWriter
    progress: Callable[[int, str, dict[str, float]], None]  # steps done, message, figures
    log: Callable[[str], None]
    note: Callable[[str], None]
    stop_asked: Callable[[], bool]


class StepReports:
    """Progress of a run of `steps` steps, to the job's record and its log."""

    def __init__(self, emitter: Emitter, steps: int) -> None:
        self._emitter, self._steps = emitter, steps
        self._said_at = self._logged_at = -math.inf
        self._step, self._message = 0, ""
        self._begun_at = time.monotonic()

    def progress(self, step: int, message: str, figures: dict[str, float]) -> None:
        """So many steps are done; what comes now, and the newest figures."""
        moment = time.monotonic()
        self._step, self._message, self._begun_at = step, message, moment
        if moment - self._said_at < REPORT_EVERY_S and step < self._steps:
            return
        self._said_at = moment
        self._emitter.progress(step, self._steps, "steps", message, **figures)
        if figures and moment - self._logged_at >= LOG_EVERY_S:
            self._logged_at = moment
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            self._emitter.log(f"{message}, step {step} of {self._steps}: {shown}")

    def rest(self) -> None:
        """The steps are over: what comes now speaks for itself."""
        self._message = ""

    def pulse(self) -> None:
        """Called once a second from another thread: says that a long step is still under way."""
        since_s = time.monotonic() - self._begun_at
        if self._message and since_s >= LONG_STEP_S:
            self._emitter.progress(
                self._step, self._steps, "steps", f"{self._message}, {since_s:.0f} s in this step"
            )
