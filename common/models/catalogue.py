"""The CLIP models that can be trained, indexed and searched with before anything was fine-tuned.

Figures are of open_clip 3.3's own configurations; a test compares the tags with open_clip's table.
Nothing here imports torch: the API reads it too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.errors import InvalidInput, NotFound

SMALL_MODEL = "clip-browser-small"
UNTRAINED = (
    "untrained"  # "clip-browser-small/untrained": random weights from seed 0, to compare with
)
MODEL_CONFIG_DIR = Path(__file__).parent / "model_configs"
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
# The names under which a Hugging Face repository keeps open_clip weights (open_clip/constants.py).
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_QUICKGELU = "-quickgelu"


@dataclass(frozen=True)
class PretrainedTag:
    """Published weights of a model: open_clip's tag, and the repository that holds them."""

    tag: str
    hub_repo: str
    quick_gelu: bool = False
    file: str = ""  # name of the file in ~/.cache/clip when it was downloaded by address


@dataclass(frozen=True)
class CatalogueModel:
    """An architecture.

    memory_gb: the guide's GPU memory at batch 32. guide_hours: the guide's least and most hours of 10
    epochs on 1,000 images; None where it says nothing. activation_mb: kept per image and caption for
    the backward pass in 16 bit, 34 bytes x tokens x width x layers (Korthikanti et al. 2022, eq. 2,
    without the attention matrix, which fused attention does not keep). blocks: of the image tower,
    those that gradient checkpointing does anew; 0 where open_clip cannot.
    """

    name: str
    description: str
    parameters: int
    image_size: int
    embed_dim: int
    memory_gb: float
    activation_mb: float
    scratch_lr: float
    tuning_lr: float
    blocks: int = 0
    guide_hours: tuple[float, float] | None = None
    tags: tuple[PretrainedTag, ...] = ()
    recommended: bool = False

    def find_tag(self, tag: str) -> PretrainedTag | None:
        """The tag's record; upper case and '-' are taken as open_clip does."""
        clean = tag.lower().replace("-", "_")
        return next((known for known in self.tags if known.tag == clean), None)

    @property
    def default_pretrained(self) -> str:
        """The tag to begin with; "" for a model that is trained from scratch."""
        return self.tags[0].tag if self.tags else ""


def _tag(tag: str, hub_repo: str, file: str = "", quick_gelu: bool = False) -> PretrainedTag:
    return PretrainedTag(tag, hub_repo, quick_gelu, file)


CATALOGUE: tuple[CatalogueModel, ...] = (
    CatalogueModel(
        name="ViT-B-32",
        description="Fast, good for most uses.",
        parameters=151_277_313,
        image_size=224,
        embed_dim=512,
        memory_gb=4,
        activation_mb=32,
        scratch_lr=5e-4,
        tuning_lr=1e-5,
        blocks=12,
        guide_hours=(1, 2),
        recommended=True,
        tags=(
            _tag("openai", "timm/vit_base_patch32_clip_224.openai", "ViT-B-32.pt", True),
            _tag("laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
            _tag("datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"),
            _tag(
                "metaclip_400m", "timm/vit_base_patch32_clip_224.metaclip_400m", "b32_400m.pt", True
            ),
            _tag(
                "metaclip_fullcc",
                "timm/vit_base_patch32_clip_224.metaclip_2pt5b",
                "b32_fullcc2.5b.pt",
                True,
            ),
            _tag(
                "laion400m_e32",
                "timm/vit_base_patch32_clip_224.laion400m_e32",
                "vit_b_32-quickgelu-laion400m_e32-46683a32.pt",
                True,
            ),
        ),
    ),
    CatalogueModel(
        name="ViT-L-14",
        description="Larger, finds more, about three times slower.",
        parameters=427_616_513,
        image_size=224,
        embed_dim=768,
        memory_gb=8,
        activation_mb=239,
        scratch_lr=5e-4,
        tuning_lr=5e-6,
        blocks=24,
        guide_hours=(3, 4),
        tags=(
            _tag("openai", "timm/vit_large_patch14_clip_224.openai", "ViT-L-14.pt", True),
            _tag("laion2b_s32b_b82k", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"),
            _tag("datacomp_xl_s13b_b90k", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K"),
            _tag("dfn2b", "apple/DFN2B-CLIP-ViT-L-14", "", True),
            _tag(
                "metaclip_400m",
                "timm/vit_large_patch14_clip_224.metaclip_400m",
                "l14_400m.pt",
                True,
            ),
            _tag(
                "metaclip_fullcc",
                "timm/vit_large_patch14_clip_224.metaclip_2pt5b",
                "l14_fullcc2.5b.pt",
                True,
            ),
            _tag(
                "laion400m_e32",
                "timm/vit_large_patch14_clip_224.laion400m_e32",
                "vit_l_14-laion400m_e32-3d133497.pt",
            ),
        ),
    ),
    CatalogueModel(
        name="ViT-H-14",
        description="The largest: finds the most, and is the slowest.",
        parameters=986_109_441,
        image_size=224,
        embed_dim=1024,
        memory_gb=16,
        activation_mb=422,
        scratch_lr=5e-4,
        tuning_lr=5e-6,
        blocks=32,
        guide_hours=(6, 8),
        tags=(
            _tag("laion2b_s32b_b79k", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"),
            _tag("dfn5b", "apple/DFN5B-CLIP-ViT-H-14", "", True),
            _tag(
                "metaclip_fullcc",
                "timm/vit_huge_patch14_clip_224.metaclip_2pt5b",
                "h14_fullcc2.5b.pt",
                True,
            ),
        ),
    ),
    CatalogueModel(
        name=SMALL_MODEL,
        description="Trains from scratch on a CPU in minutes: for small sets and for trying things out.",
        parameters=8_109_465,
        image_size=64,
        embed_dim=128,
        memory_gb=1,
        activation_mb=4,
        scratch_lr=1e-3,
        tuning_lr=3e-4,
    ),
)


def get_model(name: str) -> CatalogueModel:
    """The catalogue's record of `name` (with or without -quickgelu). Raises InvalidInput."""
    plain = name.removesuffix(_QUICKGELU)
    for known in CATALOGUE:
        if known.name == plain:
            return known
    names = ", ".join(known.name for known in CATALOGUE)
    raise InvalidInput(f"There is no model {name!r}.", remedy=f"Choose one of: {names}.")


def find_model(name: str) -> CatalogueModel | None:
    """As `get_model`, but None for an architecture that is not in the catalogue."""
    plain = name.removesuffix(_QUICKGELU)
    return next((known for known in CATALOGUE if known.name == plain), None)


def get_tag(model: str, tag: str) -> PretrainedTag:
    """The record of a model's published weights. Raises InvalidInput, naming those there are."""
    known = get_model(model)
    found = known.find_tag(tag)
    if found is not None:
        return found
    if not known.tags:
        raise InvalidInput(
            f"{known.name} has no published weights {tag!r}.",
            remedy="Leave 'pretrained' empty: this model is trained from scratch.",
        )
    tags = ", ".join(each.tag for each in known.tags)
    raise InvalidInput(f"{known.name} has no weights {tag!r}.", remedy=f"Choose one of: {tags}.")


def resolve_architecture(model: str, pretrained: str) -> str:
    """The open_clip architecture that fits the weights.

    Weights trained with QuickGELU need it set: "ViT-B-32" with "openai" builds plain GELU, only
    warns, and is worse (open_clip README, "Model note"). So this gives "ViT-B-32-quickgelu" there.
    """
    known = find_model(model)
    tag = known.find_tag(pretrained) if known and pretrained else None
    if known is not None and tag is not None and tag.quick_gelu:
        return known.name + _QUICKGELU
    return model


def split_reference(reference: str) -> tuple[CatalogueModel, str]:
    """("ViT-B-32" record, "openai") of "ViT-B-32/openai". Raises NotFound when it is none."""
    name, _, tag = reference.partition("/")
    known = find_model(name)
    untrained = known is not None and known.name == SMALL_MODEL and tag == UNTRAINED
    if known is None or not (untrained or known.find_tag(tag)):
        raise NotFound(
            f"There is no model {reference[:160]!r}.", remedy="Look at the list of models."
        )
    return known, tag


def is_reference(text: str) -> bool:
    """Whether `text` names a catalogue model with its weights, as in "ViT-B-32/openai"."""
    try:
        split_reference(text)
    except NotFound:
        return False
    return True


def hub_cache() -> Path:
    """Where huggingface_hub keeps downloads (its documented environment variables)."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()


def _candidates(known: CatalogueModel, tag: PretrainedTag, weights_dir: Path) -> list[Path]:
    placed = [weights_dir / known.name / f"{tag.tag}{suffix}" for suffix in SUFFIXES]
    repo = hub_cache() / f"models--{tag.hub_repo.replace('/', '--')}" / "snapshots"
    hub = [path for name in HUB_FILES for path in sorted(repo.glob(f"*/{name}"))]
    by_address = [Path("~/.cache/clip").expanduser() / tag.file] if tag.file else []
    return placed + hub + by_address


def find_weights(model: str, tag: str, weights_dir: Path) -> Path | None:
    """The file with these weights on this machine, or None. Raises InvalidInput for an unknown tag.

    Looked for, in this order: `weights_dir/<model>/<tag>.safetensors` (or .pt, .pth, .bin), the
    Hugging Face cache, ~/.cache/clip.
    """
    known, record = get_model(model), get_tag(model, tag)
    return next((path for path in _candidates(known, record, weights_dir) if path.is_file()), None)


def weights_state(model: str, tag: str, weights_dir: Path) -> Literal["none", "cached", "not here"]:
    """ "none" (nothing published), "cached" or "not here"."""
    if not get_model(model).tags:
        return "none"
    return "cached" if find_weights(model, tag, weights_dir) else "not here"


def placement_remedy(model: str, tag: str, weights_dir: Path) -> str:
    """How somebody without a network brings the weights here, in one sentence."""
    known, record = get_model(model), get_tag(model, tag)
    place = weights_dir / known.name / f"{record.tag}.safetensors"
    return (
        f"Download {HUB_FILES[0]} of https://huggingface.co/{record.hub_repo} on a machine with a "
        f"network and give it to `clip-browser weights add FILE --model {known.name} --tag {record.tag}` "
        f"where the GPU worker runs (it becomes {place}), or train {SMALL_MODEL} with empty "
        "pretrained weights."
    )
