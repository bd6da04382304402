"""The probe job, a pace measurement: how fast a training would be here, in how much memory."""

from __future__ import annotations

import shutil
from typing import Any

from workers.gpu.training.inputs import params_and_base
from workers.runtime.child import run_child
from workers.runtime.job_context import JobContext

CHILD = "workers.gpu.pace.child"


def probe_training(ctx: JobContext) -> dict[str, Any]:
    """A few steps with the job's params, on random pixels; no dataset is read.

    `{samples_per_second, memory_gb, device, device_name, precision, gpus, batch_size, overhead_s,
    micro_batch, accumulation, gradient_checkpointing}`. Raises TrainingFailedToStart,
    GpuOutOfMemory.
    """
    params, base = params_and_base(ctx)
    config = {
        "params": params,
        "base": base,
        "work_dir": str(ctx.work_dir),
        "device": ctx.settings.device,
        "memory_gb": ctx.settings.train_memory_gb,
    }
    try:
        return run_child(ctx, CHILD, config)
    finally:
        shutil.rmtree(ctx.work_dir, ignore_errors=True)
