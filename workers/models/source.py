"""From a model's id to what `workers.models.clip_model.load_clip` takes: the same for indexing and search.

Kinds of id: a fine-tuned model's (its folder's name), `<architecture>/<tag>` of the catalogue, and
`clip-browser-small/untrained`. Imports no torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from common.db.tables import Model
from common.errors import NotFound
from common.models import catalogue
from workers.runtime.services import Services

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"


@dataclass(frozen=True)
class ModelSource:
    """A model's id, its reference for `load_clip`, and where placed weights are looked for."""

    model_id: str
    reference: str
    weights_dir: str

    def to_dict(self) -> dict[str, str]:
        """For a child's configuration; `ModelSource(**it)` reads it back."""
        return asdict(self)


def model_folder(services: Services, model_id: str) -> ModelSource:
    """How to load a model; fetches a fine-tuned one if the store is elsewhere. Raises NotFound."""
    if "/" in model_id:
        catalogue.split_reference(model_id)
        reference = model_id
    else:
        reference = f"local-dir:{_finetuned_folder(services, model_id)}"
    return ModelSource(model_id, reference, str(services.settings.weights_dir))


def _finetuned_folder(services: Services, model_id: str) -> Path:
    with services.readers() as session:
        if session.get(Model, model_id) is None:
            raise NotFound(f"There is no model '{model_id}'.", remedy="Look at the list of models.")
    prefix = f"models_finetuned/{model_id}"
    here = services.store.local_path(prefix)
    if here is not None:
        return here
    folder = services.settings.work_dir / "models" / model_id
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            services.store.get_file(f"{prefix}/{name}", folder / name)
    return folder
