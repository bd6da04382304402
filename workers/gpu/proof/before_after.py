"""What a run has brought and what it has cost: recall on the control set, and the models in between.

At epoch 0 and at the end the control set is searched (`workers/gpu/proof/control_set.py`). After the run the
weights between the untuned and the best epoch's are measured (`workers/gpu/proof/blends.py`), as
long as that takes a small part of the training's own time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from open_clip_train.precision import get_autocast

from workers.gpu.proof.blends import INNER, State, choose_best, interpolate
from workers.gpu.proof.control_set import SERIES, kept_figures, make_control_set, say_forgetting
from workers.gpu.proof.evaluation import Validation, evaluate, usual_encode_batch
from workers.gpu.proof.recall import RECALLS
from workers.models.clip_model import LoadedClip, cut_text
from workers.models.memory import is_out_of_memory, with_smaller_batches
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

SHARE = 0.2  # of the training's time: so long the blends may be measured ...
AT_LEAST_S = 10.0  # ... but so long in any case
Figures = dict[str, float]


class PointWriter(Protocol):
    """Where a figure goes: `workers.gpu.report.metrics.MetricWriter`."""

    def add_point(self, name: str, value: float, step: int, epoch: int) -> None:
        """A figure that belongs to no step's own."""


@dataclass(frozen=True)
class Evaluator:
    """What models are measured by, on one device with one precision."""

    loaded: LoadedClip
    device: str
    precision: str
    validation: Validation | None
    control_set: Validation
    log: Callable[[str], None]

    def on_control_set(self, check_stop: Callable[[], None]) -> Figures:
        """Recall on the control set. Raises what check_stop raises, TrainingDiverged."""
        return kept_figures(self._figures(self.control_set, check_stop))

    def on_validation(self, check_stop: Callable[[], None]) -> Figures:
        """Recall on the validation images, of which there must be some."""
        assert self.validation is not None
        measured = self._figures(self.validation, check_stop)
        return {name: measured[name] for name in RECALLS}

    def _figures(self, data: Validation, check_stop: Callable[[], None]) -> Figures:
        model = self.loaded.model
        autocast = get_autocast(self.precision, torch.device(self.device).type)

        def measure(at_once: int) -> Figures:
            cut = partial(cut_text, model)
            return evaluate(
                model, data, self.device, autocast, cut, check_stop, encode_batch=at_once
            )

        return with_smaller_batches(measure, usual_encode_batch(self.device), self.log)


@dataclass
class Findings:
    """What the proof found. blends, best_alpha, forgetting: as in a train job's result."""

    forgetting: dict[str, Any] | None = None
    blends: list[dict[str, Any]] | None = None
    best_alpha: float | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The fields of the result."""
        return {
            "forgetting": self.forgetting,
            "blends": self.blends,
            "best_alpha": self.best_alpha,
        }


class Proof:
    """The measuring around one run; what was measured at epoch 0 is kept for a resumed one."""

    def __init__(
        self,
        emitter: Emitter,
        writer: PointWriter,
        work_dir: Path,
        evaluator: Evaluator,
        scratch: bool,
    ) -> None:
        self._emitter, self._writer = emitter, writer
        self._evaluator, self._scratch = evaluator, scratch
        self._kept = work_dir / "probe_before.json"

    def begin(self, resumed: bool) -> None:
        """Measure the untuned model, unless the run goes on. Raises child_io.Stopped."""
        if resumed:
            return
        self._emitter.progress(message="measuring what the untuned model knows")
        before = self._evaluator.on_control_set(end_if_asked)
        self._kept.write_text(json.dumps(before), encoding="utf-8")
        self._writer.add_point(SERIES, before["t2i_r1"], 0, 0)

    def tell(self, note: str) -> None:
        """A word to the user: kept with the job."""
        self._emitter.note(note)

    def conclude(
        self,
        base: Path,
        tuned: Path,
        *,
        step: int,
        trained_s: float,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> Findings:
        """Measure the best weights and those between; leaves the model with some of them.

        base, tuned: files with the weights of epoch 0 and of the best epoch; before, after: those
        epochs' records; step: of the run's end. A stop that is asked for now ends the measuring, not
        the run: what was trained is kept.
        """
        found = Findings()
        try:
            self._conclude_control_set(found, base, tuned, step, int(after.get("epoch", 0)))
            between = not self._scratch and "t2i_r1" in before and after["epoch"]
            if between and base.is_file() and found.forgetting is not None:
                self._conclude_blends(found, base, tuned, trained_s, before, after)
        except Stopped:
            found.notes.append("Stopped while the tuned model was measured; its weights are whole.")
        return found

    def _conclude_control_set(
        self, found: Findings, base: Path, tuned: Path, step: int, epoch: int
    ) -> None:
        self._emitter.progress(message="measuring what the model has forgotten")
        before = self._figures_before(base)
        self._load(load_state(tuned))
        after = self._evaluator.on_control_set(end_if_asked)
        self._writer.add_point(SERIES, after["t2i_r1"], step, epoch)
        if before is None:
            return
        found.forgetting = {
            "images": len(self._evaluator.control_set),
            "before": before,
            "after": after,
        }
        if not self._scratch:
            found.notes.append(say_forgetting(found.forgetting))

    def _figures_before(self, base: Path) -> Figures | None:
        """As kept at epoch 0; measured now when that was lost. None when the weights were lost too."""
        try:
            kept: Figures = json.loads(self._kept.read_text("utf-8"))
            return kept
        except (OSError, ValueError):
            if not base.is_file():
                return None
        self._load(load_state(base))
        return self._evaluator.on_control_set(end_if_asked)

    def _conclude_blends(
        self,
        found: Findings,
        base: Path,
        tuned: Path,
        trained_s: float,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        assert found.forgetting is not None
        ends = [
            _blend(0.0, before, found.forgetting["before"]),
            _blend(1.0, after, found.forgetting["after"]),
        ]
        budget_s = max(AT_LEAST_S, SHARE * trained_s)
        inner = self._measure_inner(load_state(base), load_state(tuned), budget_s)
        found.blends = sorted([*ends, *inner], key=lambda blend: float(blend["alpha"]))
        found.best_alpha = choose_best(found.blends)
        if len(inner) < len(INNER):
            found.notes.append(
                f"{len(inner)} of the {len(INNER)} blends between the untuned and the tuned model were "
                f"measured: there were {budget_s:.0f} s for them, or the memory did not suffice."
            )
        found.notes += _say_best(found.blends, found.best_alpha)

    def _measure_inner(self, base: State, tuned: State, budget_s: float) -> list[dict[str, Any]]:
        """The blends for which there is time and memory; a stop ends it after the one before."""
        made: list[dict[str, Any]] = []
        began = time.monotonic()
        for alpha in INNER:
            spent_s = time.monotonic() - began
            if made and spent_s * (1 + 1 / len(made)) > budget_s:
                break
            self._emitter.progress(message=f"measuring the blend at {alpha:.0%}")
            try:
                self._load(interpolate(base, tuned, alpha))
                recall = self._evaluator.on_validation(end_if_asked)
                made.append(_blend(alpha, recall, self._evaluator.on_control_set(end_if_asked)))
            except Stopped:
                break
            except Exception as problem:
                if not is_out_of_memory(problem):
                    raise
                break
        return made

    def _load(self, state: State) -> None:
        self._evaluator.loaded.model.load_state_dict(state)


def make_evaluator(
    loaded: LoadedClip,
    device: str,
    precision: str,
    validation: Validation | None,
    log: Callable[[str], None],
) -> Evaluator:
    """What to measure a model by, the control set included."""
    return Evaluator(loaded, device, precision, validation, make_control_set(loaded), log)


def load_state(file: Path) -> State:
    """The weights of a safetensors file; the file is mapped, not copied, into memory."""
    state: State = safetensors.torch.load_file(file)
    return state


def _blend(alpha: float, recall: dict[str, Any], control: Figures) -> dict[str, Any]:
    return {
        "alpha": alpha,
        **{name: recall[name] for name in RECALLS},
        "forgetting": control["t2i_r1"],
    }


def _say_best(blends: list[dict[str, Any]], alpha: float) -> list[str]:
    best, tuned = next(each for each in blends if each["alpha"] == alpha), blends[-1]
    if alpha in (0.0, 1.0):
        return []
    return [
        f"The weights {alpha:.0%} of the way from the untuned to the tuned model are the best: "
        f"recall@1 {best['t2i_r1']:.0%} (tuned: {tuned['t2i_r1']:.0%}), on the probe "
        f"{best['forgetting']:.0%} (tuned: {tuned['forgetting']:.0%}). They can be made a model of "
        "their own."
    ]


def end_if_asked() -> None:
    """Raises child_io.Stopped once somebody has asked this child to stop."""
    if child_io.stop_event().is_set():
        raise Stopped(epochs_done=0, step=0, resumable=True)
