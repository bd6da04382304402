"""The Celery tasks of GPU workers: load, run a child process, save. No task touches torch itself."""

from __future__ import annotations

from typing import Any

from workers.runner import JobContext, job_task


@job_task("train")
def train(ctx: JobContext) -> dict[str, Any]:
    """Fine-tune a model on a dataset's captions."""
    from workers.gpu.training import train_on_dataset

    return train_on_dataset(ctx)


@job_task("index")
def index(ctx: JobContext) -> dict[str, Any]:
    """Embed every image of a dataset with a model, for search."""
    from workers.gpu.indexing import index_dataset

    return index_dataset(ctx)
