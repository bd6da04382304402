"""What does the work of each kind of job: its body, a function of the job's context.

A room registers the bodies of a queue as `module:function`, and each is imported when the first such
job runs, so that an idle worker stays small. `check_bodies` compares them with the registry of kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module

from common.errors import Internal
from common.jobs.kinds import KINDS
from workers.runtime.job_context import JobBody, JobContext

_bodies: dict[tuple[str, str], str] = {}  # (kind, queue) -> module:function


def register_bodies(queue: str, bodies: Mapping[str, str]) -> None:
    """Say which function does the jobs of each kind on a queue: `{kind: "module:function"}`."""
    _bodies.update({(kind, queue): reference for kind, reference in bodies.items()})


def kinds_on(queue: str) -> set[str]:
    """The kinds whose jobs this process can do for a queue."""
    return {kind for kind, where in _bodies if where == queue}


def body_of(kind: str, queue: str) -> JobBody:
    """The body of a kind's jobs on a queue; a fault in its module is one of the job. Raises KeyError."""
    reference = _bodies[kind, queue]

    def run(ctx: JobContext) -> dict[str, object]:
        return load_body(reference)(ctx)

    return run


def load_body(reference: str) -> JobBody:
    """The function that `module:function` names."""
    module, _, name = reference.partition(":")
    body: JobBody = getattr(import_module(module), name)
    return body


def check_bodies(queues: Collection[str]) -> None:
    """Raises Internal when a kind of these queues has no body here, or a body has no kind."""
    wanted = {
        (kind.name, queue) for kind in KINDS.values() for queue in kind.queues if queue in queues
    }
    missing = sorted(wanted - _bodies.keys())
    unknown = sorted(
        (kind, queue)
        for kind, queue in _bodies
        if kind not in KINDS or queue not in KINDS[kind].queues
    )
    faults = [f"No body does jobs of kind {kind} on queue {queue}." for kind, queue in missing]
    faults += [
        f"A body does jobs of kind {kind} on queue {queue}: no such kind goes there."
        for kind, queue in unknown
    ]
    if faults:
        raise Internal(
            " ".join(faults),
            remedy="Enter the kind in the registry of kinds, and its body in the tasks of its room.",
        )
