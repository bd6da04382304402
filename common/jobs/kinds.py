"""Every kind of job, each fact of it once. To add one: its entry here, and its body in a room of workers.

What follows from an entry: the queue, what a request may hold and what /openapi.json says of it, the
command of the terminal, the words of the dashboard, whether it can be resumed or taken back, and
which step of a dataset it belongs to. Its params are a model beside the rules of its capability,
imported when somebody asks for it: without pydantic the terminal starts in a twentieth of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from common.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import BaseModel

JOB_QUEUES = ("cpu", "gpu")  # the other queues carry messages without a job
CPU, GPU = JOB_QUEUES
Ground = Literal["images", "captions", "split"]  # what a dataset must have before a job may begin


@dataclass(frozen=True)
class Pace:
    """How long a job takes grows with its data: `result[unit]` of the last one tells how much it did.

    same: the params that must be alike for that to be comparable. queue: only there is it so.
    """

    unit: Literal["images", "captions"]
    same: tuple[str, ...]
    queue: str


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    title: what people call it. params: the model of its params, as `module:class`.
    about: what it does, if people may ask for it by its name (POST /datasets/{id}/jobs and a command
    of the terminal); "" if another call begins it.
    gpu_when: a param and its value with which the job goes to the queue gpu in place of its own.
    needs: what the dataset must have; makes: what it has when such a job has succeeded.
    step: the step of a dataset's line that it belongs to.
    resumable: it goes on from a checkpoint; others can only be done again.
    undo: how the client ids of the captions begin that it saves, if they can be brought back.
    writes_captions: many captions may be others when it has ended.
    folders: of the store; what it leaves in `<folder>/<job id>/` goes when its dataset is deleted.
    """

    name: str
    title: str
    params: str
    queue: str
    about: str = ""
    gpu_when: tuple[str, Any] | None = None
    needs: tuple[Ground, ...] = ()
    makes: tuple[Ground, ...] = ()
    step: str | None = None
    resumable: bool = False
    undo: str = ""
    writes_captions: bool = False
    folders: tuple[str, ...] = ()
    pace: Pace | None = None

    def queue_of(self, params: Mapping[str, Any]) -> str:
        """The queue that a job with these params goes to."""
        if self.gpu_when is None:
            return self.queue
        name, value = self.gpu_when
        return GPU if params.get(name) == value else self.queue

    @property
    def queues(self) -> tuple[str, ...]:
        """All that its jobs may go to."""
        return (self.queue,) if self.gpu_when is None else (self.queue, GPU)

    def params_model(self) -> type[BaseModel]:
        """The model of its params."""
        module, _, name = self.params.partition(":")
        found: type[BaseModel] = getattr(import_module(module), name)
        return found


_ENTRIES = (
    JobKind(
        "ingest", "Add images", "common.images.params:IngestParams", CPU,
        makes=("images", "captions"), step="images", resumable=True, writes_captions=True,
    ),
    JobKind(
        "sample", "Draw sample dataset", "common.datasets.params:SampleParams", CPU,
        makes=("images", "captions"), step="images", writes_captions=True,
    ),
    JobKind(
        "import_captions", "Import captions", "common.captions.params:ImportCaptionsParams", CPU,
        makes=("captions",), step="captioned", resumable=True, undo="import", writes_captions=True,
    ),
    JobKind(
        "edit_captions", "Edit captions", "common.captions.params:EditCaptionsParams", CPU,
        undo="edit", writes_captions=True,
    ),
    JobKind(
        "undo_edit", "Undo edit", "common.captions.params:UndoEditParams", CPU,
        undo="undo", writes_captions=True,
    ),
    JobKind(
        "split", "Split captions", "common.datasets.params:SplitParams", CPU,
        about="divide the captioned images into training and validation",
        needs=("captions",), makes=("split",), step="split",
    ),
    JobKind(
        "augment", "Augment captions", "common.augment.params:AugmentParams", CPU,
        about="add variants of the training captions",
        gpu_when=("method", "llm"), needs=("split",), step="augment", resumable=True,
        pace=Pace("captions", same=("method", "llm_model"), queue=GPU),
    ),
    JobKind(
        "train", "Train", "common.training.params:TrainParams", GPU,
        about="fine-tune a CLIP model on the training captions",
        needs=("split",), step="train", resumable=True, folders=("runs", "checkpoints"),
    ),
    JobKind(
        "index", "Build index", "common.search.params:IndexParams", GPU,
        about="embed every image with a model, for search",
        needs=("images",), step="index",
        pace=Pace("images", same=("model",), queue=GPU),
    ),
    JobKind(
        "map", "Build map", "common.search.params:MapParams", CPU,
        about="lay out all images in the plane, like ones together",
    ),
    JobKind("remove_images", "Remove images", "common.datasets.params:CleanUpParams", CPU),
    JobKind("remove_dataset", "Remove dataset", "common.datasets.params:CleanUpParams", CPU),
    JobKind("probe", "Measure", "common.training.params:TrainParams", GPU),
    JobKind("blend", "Blend weights", "common.models.params:BlendParams", GPU),
    JobKind("import_model", "Import model", "common.models.params:ImportModelParams", GPU),
)  # fmt: skip
KINDS: dict[str, JobKind] = {kind.name: kind for kind in _ENTRIES}


def kind_of(name: str) -> JobKind:
    """The kind of that name. Raises InvalidInput."""
    found = KINDS.get(name)
    if found is None:
        raise InvalidInput(
            f"There is no kind of job called {name!r}.", remedy=f"One of: {', '.join(KINDS)}."
        )
    return found


def is_resumable(name: str) -> bool:
    """Whether a job of that kind can go on from a checkpoint."""
    return name in KINDS and KINDS[name].resumable


def offered_kinds() -> list[str]:
    """The names of those that people may ask for, in the order in which they follow each other."""
    return [kind.name for kind in KINDS.values() if kind.about]


def kinds_of_step(step: str) -> list[str]:
    """The names of those whose jobs belong to a step of a dataset."""
    return [kind.name for kind in KINDS.values() if kind.step == step]
