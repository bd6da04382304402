"""What GPU workers do: the bodies of their jobs. Each runs a child process; none touches torch itself."""

from __future__ import annotations

from common.jobs.kinds import GPU
from workers.runtime.job_bodies import register_bodies

register_bodies(
    GPU,
    {
        "augment": "workers.paraphrase.job:paraphrase_dataset",
        "train": "workers.gpu.training.job:train_on_dataset",
        "probe": "workers.gpu.pace.job:probe_training",
        "index": "workers.gpu.index.job:index_dataset",
        "blend": "workers.gpu.models.blend_job:blend_model",
        "import_model": "workers.gpu.models.import_job:import_model_folder",
    },
)
