"""The train job: the prepared captions into a child process, its model folder into the registry."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Job
from common.errors import ClipBrowserError, GpuOutOfMemory, TrainingDiverged
from common.training.params import read_params
from common.trash.removal import remove_folders
from workers.augment.train_csv import refresh_train_csv
from workers.gpu.models.registration import Keep, store_model
from workers.gpu.training import tensorboard_files
from workers.gpu.training.checkpoint_copies import (
    CheckpointCopies,
    clear_training,
    newest_checkpoint,
)
from workers.gpu.training.inputs import make_config, take_inputs
from workers.runtime.child import run_child
from workers.runtime.gpu_lease import gather_gpus
from workers.runtime.job_context import JobContext, JobStopped

CHILD = "workers.gpu.training.child"
JOB_FOLDER = re.compile(
    "[0-9a-f]{12}"
)  # of a job's id, as `common.jobs.states.create_job` makes it


def train_on_dataset(ctx: JobContext) -> dict[str, Any]:
    """Train as the params say and register the model.

    The best model's folder goes to `models_finetuned/<YYYYmmdd-HHMMSS>_<name>/`, TensorBoard's files
    to `runs/<job>/`, copies of checkpoints to `checkpoints/<job>/` while it runs. Raises NoSplit,
    TrainingFailedToStart, TrainingDiverged (the last good weights are registered), GpuOutOfMemory.
    """
    copies = CheckpointCopies(ctx.store, ctx.job.id, ctx.work_dir, ctx.log, lambda: ctx.lost)
    try:
        _sweep_job_folders(ctx)
        result = ctx.result_before or _train_and_register(ctx, copies)
        _drop_copies(ctx, copies)
    except TrainingDiverged as problem:
        raise _keep_last_good(ctx, problem) from problem
    except Exception:
        _leave_no_trace(ctx, copies)
        raise
    shutil.rmtree(ctx.work_dir, ignore_errors=True)
    return result


def _drop_copies(ctx: JobContext, copies: CheckpointCopies) -> None:
    """The run is done, and does not fail since a store keeps what nobody needs."""
    try:
        copies.remove()
    except ClipBrowserError as problem:
        ctx.log(f"The copies of checkpoints were not removed from the store: {problem.message}")


def _train_and_register(ctx: JobContext, copies: CheckpointCopies) -> dict[str, Any]:
    _find_checkpoint(ctx, copies)
    result = _run(ctx, copies)
    return _register(ctx, Path(result.pop("model_folder")), result)


def _find_checkpoint(ctx: JobContext, copies: CheckpointCopies) -> None:
    """Bring the checkpoint of an execution before; a run from the start (retry) finds none."""
    if ctx.job.checkpoint is not None:
        copies.fetch()
        if newest_checkpoint(ctx.work_dir) is None:
            ctx.note("There was no checkpoint to go on from: the training began from the start.")
        return
    clear_training(ctx.work_dir)
    copies.remove_old()
    ctx.save_checkpoint({"begun": True})


def _run(ctx: JobContext, copies: CheckpointCopies) -> dict[str, Any]:
    """The result of the child that trains."""
    dataset_id = str(ctx.job.dataset_id)
    ctx.report(message="reading the captions")
    refresh_train_csv(ctx.services, dataset_id)
    inputs, files = take_inputs(ctx, dataset_id)
    config = make_config(ctx, inputs, files, tensorboard_files.folder_of(ctx))
    processes = read_params(ctx.job.params).gpus
    wait_for_copy = True
    copies.begin()
    try:
        with gather_gpus(ctx.settings, processes, partial(_wait, ctx)) as gpus:
            return _train(ctx, config, processes, gpus)
    except JobStopped:
        wait_for_copy = ctx.handed_back  # this machine may be gone soon
        raise
    finally:
        copies.close(wait=wait_for_copy)
        tensorboard_files.store(ctx)


def _train(
    ctx: JobContext, config: dict[str, Any], processes: int, gpus: list[str]
) -> dict[str, Any]:
    """The child's result. Several processes begin again in less memory, from the last checkpoint; one
    does so by itself, within the step.
    """
    while True:
        try:
            return run_child(ctx, CHILD, config, processes=processes, gpus=gpus)
        except GpuOutOfMemory as problem:
            rung = (problem.details or {}).get("rung")
            if rung is None:
                raise
            config = {**config, "rung": rung}
            smaller = "gradient checkpointing" if rung[0] == 1 else f"{rung[0]} parts to a batch"
            ctx.log(f"{problem.message} Beginning again with {smaller}; the batch size stays.")


def _wait(ctx: JobContext, message: str) -> None:
    """While other runs use the GPUs that this one needs."""
    ctx.check_stop()
    ctx.report(message=message)


def _register(
    ctx: JobContext, folder: Path, result: dict[str, Any], keep: Keep = JobContext.keep_result
) -> dict[str, Any]:
    return store_model(
        ctx,
        folder,
        result,
        name=ctx.job.params.get("name"),
        source="trained",
        dataset_id=ctx.job.dataset_id,
        params=ctx.job.params,
        keep=keep,
    )


def _keep_last_good(ctx: JobContext, problem: TrainingDiverged) -> TrainingDiverged:
    """The error with the id of the model that the last good weights have become, if there are any."""
    details = dict(problem.details or {})
    folder = details.pop("model_folder", None)
    model_id = _last_good_id(ctx, Path(folder)) if folder else None
    if model_id is not None:
        epoch = details.get("best_epoch")
        ctx.note(f"The weights of epoch {epoch}, the last good ones, were kept as {model_id}.")
    told = {**details, "model_id": model_id}
    return TrainingDiverged(problem.message, remedy=problem.remedy, details=told)


def _last_good_id(ctx: JobContext, folder: Path) -> str:
    """The model that the last good weights are; an execution before may have registered it."""
    before: str | None = (ctx.job.checkpoint or {}).get("last_good")
    if before is not None:
        return before
    return str(_register(ctx, folder, {}, _keep_last_good_id)["model_id"])


def _keep_last_good_id(ctx: JobContext, session: Session, made: dict[str, Any]) -> None:
    before = session.scalar(select(Job.checkpoint).where(Job.id == ctx.job.id)) or {}
    ctx.keep_checkpoint(session, {**before, "begun": True, "last_good": made["model_id"]})


def _leave_no_trace(ctx: JobContext, copies: CheckpointCopies) -> None:
    """Remove what the run left, if it ended since its dataset was deleted, and the job with it."""
    if _unknown(ctx, {ctx.job.id}):
        copies.remove()
        remove_folders(ctx.session, ctx.store, [f"runs/{ctx.job.id}"], ctx.job.created_by)
        shutil.rmtree(ctx.work_dir, ignore_errors=True)


def _sweep_job_folders(ctx: JobContext) -> None:
    """Remove the folders here of jobs that were deleted while they waited, or elsewhere."""
    folders = [ctx.settings.work_dir]
    if ctx.store.local_path("runs") is None:  # these are copies of what is stored
        folders.append(tensorboard_files.copies_here(ctx))
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    named = [path for path in found if JOB_FOLDER.fullmatch(path.name) and path.is_dir()]
    gone = _unknown(ctx, {path.name for path in named})
    for path in named:
        if path.name in gone:
            shutil.rmtree(path, ignore_errors=True)


def _unknown(ctx: JobContext, job_ids: set[str]) -> set[str]:
    """Those of the ids that no job has."""
    with ctx.reader() as session:
        return job_ids - set(session.scalars(select(Job.id).where(Job.id.in_(job_ids))))
