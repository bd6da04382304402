"""How good a model is on the validation images: recall both ways, and the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from common.errors import TrainingDiverged
from workers.gpu.data.batches import InputShape
from workers.gpu.proof.recall import Truth, find_truth, measure_recall

ENCODE_BATCH, CPU_ENCODE_BATCH = 64, 16  # images at once; a stop waits for one such batch


@dataclass(frozen=True)
class Validation:
    """The validation part, decoded and tokenised once.

    pixels: (I, S, S, 3) uint8, as the model's own preprocessing makes them; tokens: (T, 77) of the
    distinct captions; batch_size: of the training, which the contrastive loss depends on.
    """

    pixels: npt.NDArray[np.uint8]
    tokens: torch.Tensor
    truth: Truth
    shape: InputShape
    batch_size: int

    def __len__(self) -> int:
        return len(self.pixels)


def make_validation(
    pixels: list[npt.NDArray[np.uint8]],
    captions: Sequence[Sequence[str]],
    tokenizer: Callable[[list[str]], torch.Tensor],
    shape: InputShape,
    batch_size: int,
) -> Validation | None:
    """The validation part; None when it is empty."""
    if not pixels:
        return None
    truth = find_truth(captions)
    return Validation(np.stack(pixels), tokenizer(truth.texts), truth, shape, batch_size)


def usual_encode_batch(device: str) -> int:
    """How many images, or texts, to embed at once, if the memory suffices."""
    return CPU_ENCODE_BATCH if device == "cpu" else ENCODE_BATCH


def evaluate(
    model: Any,
    data: Validation,
    device: str,
    autocast: Callable[[], Any],
    cut: Callable[[torch.Tensor], torch.Tensor],
    check_stop: Callable[[], None] = lambda: None,
    encode_batch: int = ENCODE_BATCH,
) -> dict[str, float]:
    """{"t2i_r1": ... "i2t_r10": ..., "loss": ...}; leaves the model in evaluation mode.

    encode_batch: images or texts that are embedded at once. Raises TrainingDiverged when an embedding is not finite.
    """
    model.eval()
    with torch.inference_mode(), autocast():
        images = _encode_images(model, data, device, check_stop, encode_batch)  # (I, D)
        texts = _encode_texts(model, data, device, cut, check_stop, encode_batch)  # (T, D)
        scale = float(model.logit_scale.exp())
    if not (torch.isfinite(images).all() and torch.isfinite(texts).all()):
        raise TrainingDiverged("The model's embeddings are no numbers any more.")
    recall = measure_recall(images.numpy(), texts.numpy(), data.truth)
    return {**recall, "loss": contrastive_loss(images, texts, data, scale)}


def _encode_images(
    model: Any,
    data: Validation,
    device: str,
    check_stop: Callable[[], None],
    encode_batch: int,
) -> torch.Tensor:
    made = []
    for start in range(0, len(data), encode_batch):
        check_stop()
        batch = data.shape.normalise(data.pixels[start : start + encode_batch]).to(device)
        made.append(F.normalize(model.encode_image(batch).float(), dim=-1).cpu())
    return torch.cat(made)


def _encode_texts(
    model: Any,
    data: Validation,
    device: str,
    cut: Callable[[torch.Tensor], torch.Tensor],
    check_stop: Callable[[], None],
    encode_batch: int,
) -> torch.Tensor:
    made = []
    # Texts of like lengths together, so that each batch is cut to its own.
    order = data.tokens.count_nonzero(dim=1).argsort()
    for rows in torch.split(order, encode_batch):
        check_stop()
        batch = cut(data.tokens[rows]).to(device)
        made.append(F.normalize(model.encode_text(batch).float(), dim=-1).cpu())
    return torch.cat(made)[order.argsort()]


def contrastive_loss(
    images: torch.Tensor, texts: torch.Tensor, data: Validation, scale: float
) -> float:
    """CLIP's loss over batches as in training, each image with its first caption."""
    first = [own[0] for own in data.truth.texts_of]
    total, count = 0.0, 0
    for start in range(0, len(images), data.batch_size):
        image = images[start : start + data.batch_size]  # (b, D)
        logits = scale * image @ texts[first[start : start + data.batch_size]].T  # (b, b)
        labels = torch.arange(len(image))
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        total, count = total + float(loss) * len(image), count + len(image)
    return total / count
