"""A kind of job that exists for one test: its entry, its params, its body, and nothing else anywhere.

`python -m tests.throw_away_kind api|worker` is a part of the service that knows it too.
"""

from __future__ import annotations

import sys
from typing import Any

from pydantic import Field
from sqlalchemy import select

from common.db.tables import Caption, Image
from common.jobs.kinds import CPU, KINDS, JobKind
from common.jobs.params import Params
from common.settings import load_settings
from workers.runtime.job_context import JobContext

KIND = JobKind(
    "count_letter", "Count a letter", "tests.throw_away_kind:CountParams", CPU,
    about="count how often a letter stands in the captions", needs=("captions",),
)  # fmt: skip


class CountParams(Params):
    """Which letter."""

    letter: str = Field("e", min_length=1, max_length=1)
    times: int = Field(1, ge=1)


def count_letter(ctx: JobContext) -> dict[str, Any]:
    """How often the letter stands in all captions, and so many times that."""
    with ctx.reader() as session:
        captions = session.scalars(
            select(Caption.text)
            .join(Image)
            .where(Image.dataset_id == ctx.job.dataset_id, Caption.slot == 0)
        )
        found = sum((caption or "").count(ctx.job.params["letter"]) for caption in captions)
    ctx.report(done=found, total=found, unit="letters", message="counting")
    return {"letters": found * ctx.job.params["times"]}


def _main(part: str) -> None:
    KINDS[KIND.name] = KIND
    settings = load_settings()
    if part == "api":
        from api.serve import serve

        return serve(settings)
    from workers.runtime.job_bodies import register_bodies
    from workers.runtime.start import Spec, load_tasks, run_worker

    register_bodies(CPU, {KIND.name: "tests.throw_away_kind:count_letter"})
    spec = Spec("throw-away", CPU)
    load_tasks([spec])
    return run_worker(settings, spec)


if __name__ == "__main__":
    _main(sys.argv[1])
