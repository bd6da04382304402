"""The Celery tasks of GPU workers: load, run a child process, save. No task touches torch itself."""

from __future__ import annotations

from typing import Any

from workers.runtime.job_context import JobContext, job_task


@job_task("train")
def train(ctx: JobContext) -> dict[str, Any]:
    """Fine-tune a model on a dataset's captions."""
    from workers.gpu.training.job import train_on_dataset

    return train_on_dataset(ctx)


@job_task("index")
def index(ctx: JobContext) -> dict[str, Any]:
    """Embed every image of a dataset with a model, for search."""
    from workers.gpu.index.job import index_dataset

    return index_dataset(ctx)


@job_task("blend")
def blend(ctx: JobContext) -> dict[str, Any]:
    """Make a model of the weights between a tuned one and what it began with."""
    from workers.gpu.models.blend_job import blend_model

    return blend_model(ctx)


@job_task("import_model")
def import_model(ctx: JobContext) -> dict[str, Any]:
    """Take a model folder from elsewhere into the registry."""
    from workers.gpu.models.import_job import import_model_folder

    return import_model_folder(ctx)


@job_task("probe")
def probe(ctx: JobContext) -> dict[str, Any]:
    """Measure the pace and memory of a training by a few of its steps."""
    from workers.gpu.training.pace_job import probe_training

    return probe_training(ctx)
