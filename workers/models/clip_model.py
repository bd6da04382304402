"""Loading CLIP models with open_clip: from the catalogue, or from a folder of a tuned model.

A model is named by a reference: "ViT-B-32/openai" (catalogue), "clip-browser-small/untrained"
(random weights from seed 0, to compare with), or "local-dir:/path/to/folder".
Importing this module imports torch: only children and the search worker do.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
import torch.nn.functional as F
from open_clip.transformer import text_global_pool

from common.errors import InvalidInput
from common.models.catalogue import (
    MODEL_CONFIG_DIR,
    resolve_architecture,
    split_reference,
)
from workers.models.memory import is_out_of_memory
from workers.models.pixels import crop_middle
from workers.models.weights import obtain_weights

LOCAL_DIR = "local-dir:"
UNTRAINED_SEED = 0


@dataclass(frozen=True)
class LoadedClip:
    """A model with what it needs. preprocess: PIL RGB -> (3, S, S) float32, without augmentation.

    tokenizer: list of texts -> (N, 77) int64.
    """

    model: Any
    preprocess: Callable[[Any], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]
    architecture: str


def load_clip(
    reference: str,
    *,
    weights_dir: Path,
    device: str = "cpu",
    precision: str = "fp32",
    log: Callable[[str], None] = lambda _: None,
) -> LoadedClip:
    """The model of a reference, ready to encode.

    Raises NotFound for an unknown reference or weights that are not here and cannot be had,
    InvalidInput for a folder or weights that do not fit.
    """
    if reference.startswith(LOCAL_DIR):
        loaded = create_clip(reference, None, device=device, precision=precision)
    else:
        known, tag = split_reference(reference)
        published = known.find_tag(tag)
        file = obtain_weights(known.name, tag, weights_dir, log) if published else None
        if not published:
            torch.manual_seed(UNTRAINED_SEED)
        loaded = create_clip(
            resolve_architecture(known.name, tag if published else ""),
            file,
            tag=tag if published else "",
            device=device,
            precision=precision,
        )
    loaded.model.eval()
    return loaded


def create_clip(
    name: str,
    weights: Path | None,
    *,
    tag: str = "",
    device: str = "cpu",
    precision: str = "fp32",
) -> LoadedClip:
    """Build open_clip's model `name` (an architecture or "local-dir:...") and load its weights.

    `tag` gives the preprocessing that the weights were trained with: open_clip forgets it when
    weights come as a file. Raises InvalidInput when folder or weights are broken or do not fit.
    """
    open_clip.add_model_config(MODEL_CONFIG_DIR)
    if name.startswith(LOCAL_DIR):
        check_folder(Path(name.removeprefix(LOCAL_DIR)))
    published = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name,
            precision=precision,
            device=device,
            output_dict=True,
            image_mean=published.get("mean"),
            image_std=published.get("std"),
            image_interpolation=published.get("interpolation"),
            image_resize_mode=published.get("resize_mode"),
        )
        if weights is not None:
            _load_weights(model, weights)
    except Exception as problem:  # torch, safetensors and pickle raise many kinds for a bad file
        if is_out_of_memory(problem):
            raise
        place = weights or name
        first_line = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise InvalidInput(
            f"The weights in {place} cannot be loaded as {name.split('/')[-1]}: {first_line}",
            remedy="The file is damaged or belongs to another model: delete it and fetch it again.",
        ) from problem
    if (model.visual.preprocess_cfg.get("resize_mode") or "shortest") == "shortest":
        preprocess.transforms.insert(0, crop_middle)
    model.to(memory_format=torch.channels_last)  # convolutions are quickest with it, and as exact
    allow_short_text(model)
    return LoadedClip(model, preprocess, open_clip.get_tokenizer(name), name)


def check_folder(folder: Path) -> None:
    """Raises InvalidInput when a model folder is incomplete: open_clip only warns without weights."""
    for needed in ("open_clip_config.json", "open_clip_model.safetensors"):
        if not (folder / needed).is_file():
            raise InvalidInput(
                f"The model folder {folder.name} has no {needed}.",
                remedy="Choose another model, or train this one again.",
            )


def _load_weights(model: Any, file: Path) -> None:
    """Load a state dict; OpenAI's own .pt files are TorchScript archives."""
    try:
        open_clip.load_checkpoint(model, str(file), device="cpu")
    except RuntimeError as problem:
        if file.suffix != ".pt" or "TorchScript" not in str(problem):
            raise
        archive: Any = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
        scripted = archive.state_dict()
        for extra in ("input_resolution", "context_length", "vocab_size"):
            scripted.pop(extra, None)
        model.load_state_dict(scripted)


def allow_short_text(model: Any) -> bool:
    """Let a CLIP model take (B, L) tokens with L below its context length; whether it could.

    Text towers in OpenAI's style are causal and pool at the end token, so what comes after that
    token changes nothing: cutting a batch to its longest caption gives the same embedding and saves
    most of the 77 positions. Other towers are left as they are.
    """
    fits = (
        isinstance(model, open_clip.CLIP)
        and model.attn_mask is not None
        and model.text_pool_type == "argmax"
    )
    if fits:
        model.encode_text = types.MethodType(_encode_text, model)
        model.takes_short_text = True
    return fits


def cut_text(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """(B, 77) -> (B, L), L up to the last end token, where that is exact."""
    if not getattr(model, "takes_short_text", False):
        return tokens
    return tokens[:, : int(tokens.argmax(dim=-1).max()) + 1]


def _encode_text(self: Any, text: torch.Tensor, normalize: bool = False) -> torch.Tensor:
    """open_clip.CLIP.encode_text with positions and mask cut to the text's length."""
    length = text.shape[1]
    cast_dtype = self.transformer.get_cast_dtype()
    x = self.token_embedding(text).to(cast_dtype)  # (B, L, width)
    x = x + self.positional_embedding[:length].to(cast_dtype)
    x = self.transformer(x, attn_mask=self.attn_mask[:length, :length])
    x = self.ln_final(x)
    x = text_global_pool(x, text, self.text_pool_type, eos_token_id=self.text_eos_id)
    if self.text_projection is not None:
        linear = isinstance(self.text_projection, torch.nn.Linear)
        x = self.text_projection(x) if linear else x @ self.text_projection  # (B, D)
    return F.normalize(x, dim=-1) if normalize else x


def encode_texts(loaded: LoadedClip, texts: list[str], device: str = "cpu") -> torch.Tensor:
    """(N, D) float32 on the CPU, unit norm."""
    tokens = cut_text(loaded.model, loaded.tokenizer(texts)).to(device)
    with torch.inference_mode():
        vectors: torch.Tensor = loaded.model.encode_text(tokens, normalize=True)
    return vectors.float().cpu()


def choose_device(wanted: str) -> str:
    """ "cuda" or "cpu" for "auto". Raises InvalidInput when a GPU is asked for and there is none."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise InvalidInput(
            f"device is {wanted!r}, but torch finds no GPU.",
            remedy="Set CLIP_BROWSER_DEVICE to auto or cpu, or check the driver (nvidia-smi).",
        )
    return wanted
