"""The training loop: batch -> stop? -> checkpoint? -> forward -> loss -> backward -> step -> report.

Model, loss, parameter groups and schedule are open_clip's, so a run is the same optimisation as `python
-m open_clip_train.main` with the same arguments. What surrounds a step (where the run is, checkpoints,
evaluation) is in `run_state`, what happens to the weights in `optimizer`.
"""

from __future__ import annotations

import torch

from workers.gpu.training.epochs import StopAsked
from workers.gpu.training.memory import BatchLayout, join_parts, split_batch
from workers.gpu.training.run_state import Figures, Run
from workers.models.memory import release_memory
from workers.runtime.child_io import Stopped


def train(run: Run) -> None:
    """Train to the last epoch. Raises child_io.Stopped (a checkpoint is written), TrainingDiverged.

    What memory raises comes through when not even one image at a time fits.
    """
    try:
        run.optimizer.allocate_moments()
        run.evaluate()  # the untuned model
        while not run.is_over():
            _train_epoch(run)
            run.evaluate()
    except StopAsked:
        run.save("stopped")
        run.ranks.leave()
        raise Stopped(**run.where()) from None
    run.reports.writer.flush()
    run.ranks.leave()


def _train_epoch(run: Run) -> None:
    """Train the rest of the current epoch, in less memory when it runs out."""
    while True:
        try:
            _make_steps(run)
            break
        except Exception as problem:
            smaller = run.smaller_layout(problem)  # raises what is no lack of memory
        # Outside of `except`: the exception holds the frames, and they the tensors, until here.
        run.go_on_with(smaller)
    run.optimizer.zero_grad()  # room for the evaluation
    if run.layout != BatchLayout():  # memory is tight; else the next epoch would fetch it all again
        release_memory()
    run.reports.writer.flush()
    run.progress.epoch, run.progress.batches_done = run.progress.epoch + 1, 0


def _make_steps(run: Run) -> None:
    run.network.train()
    run.begin_clock()
    for images, texts in run.batches.of_epoch(run.progress.epoch, run.progress.batches_done):
        run.count_time()
        run.stop_if_asked()
        run.save_if_due()
        run.announce_step()
        run.optimizer.begin_step(run.step)  # its learning rate; no gradients
        figures = _compute_gradients(run, images, texts)
        run.optimizer.step()
        run.progress.batches_done += 1  # at once: should memory run out now, this step is done
        run.report(figures)
    run.count_time()


def _compute_gradients(run: Run, images: torch.Tensor, texts: torch.Tensor) -> Figures:
    """Forward, loss and backward of a whole batch; what to report of them.

    Of a batch in parts all embeddings are made first, without gradients. Each part is then embedded
    again, with gradients, and meets the others in the loss of the whole batch (GradCache).
    """
    parts = split_batch(images, texts, run.layout.accumulation)
    embedded = _embed(run, parts) if len(parts) > 1 else []
    for number, part in enumerate(parts):
        with run.autocast():
            made = run.network(*part)
            losses = run.loss(**join_parts(embedded, number, made), output_dict=True)
            total = sum(losses.values())
        run.optimizer.backward(total)
    run.optimizer.share_scale_gradient(len(parts))
    return {"scale": made["logit_scale"], **losses, "loss": total}


@torch.no_grad()
def _embed(run: Run, parts: list[tuple[torch.Tensor, torch.Tensor]]) -> list[Figures]:
    with run.autocast():
        return [run.network(*part) for part in parts]
