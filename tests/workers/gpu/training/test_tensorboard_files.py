"""A training that is done stays done, whatever becomes of TensorBoard's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.jobs import leases
from tests.servers import free_port
from tests.workers.conftest import open_backstage
from workers.gpu.training import tensorboard_files
from workers.runtime.job_context import JobContext
from workers.runtime.job_runs import run_leased


def test_a_store_that_stays_away_at_the_end_of_a_training_costs_it_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard_files, "PAUSES_S", (0.05, 0.05))
    away = f"s3://key:secret@127.0.0.1:{free_port()}/bucket?secure=0"

    def trained(ctx: JobContext) -> dict[str, Any]:
        (tensorboard_files.folder_of(ctx) / "events").write_bytes(b"scalars")
        try:
            return {"model_id": "mine"}
        finally:
            tensorboard_files.store(ctx)

    with open_backstage(tmp_path, "", store_url=away) as stage:
        job_id = stage.make(send=False)
        with stage.services.sessions() as session:
            held = leases.take(session, job_id, "here", 30.0)
        assert held is not None
        run_leased(stage.services, held, trained)
        job = stage.job(job_id)
        assert (job.state, job.result) == ("succeeded", {"model_id": "mine"})
        [note] = job.notes
        kept = stage.settings.data_dir / "runs" / job_id / "events"
        assert kept.read_bytes() == b"scalars"
        assert str(kept.parent) in note
