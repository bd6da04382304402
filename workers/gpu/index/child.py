"""Embedding images in a process of its own: `python -m workers.gpu.index.child CONFIG.json`.

The configuration: `model` (a `workers.models.source.ModelSource` as a dict), `images` (a list of
`{"image_id", "path"}`), `folder` (where the index files go), `device`, `batch_size`, `meta`.
The result: `{images, dim, skipped: [{"image_id", "reason"}], skipped_count}`, SHOWN of them at most.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from common.errors import GpuOutOfMemory, InvalidInput
from workers.gpu.data.host_memory import limited_to_free
from workers.gpu.data.skipped import SHOWN
from workers.models.clip_model import LoadedClip, choose_device, load_clip
from workers.models.memory import is_out_of_memory
from workers.models.pixels import open_rgb
from workers.models.source import ModelSource
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped
from workers.search import faiss_index

Floats = npt.NDArray[np.float32]


def run(emitter: Emitter, config: dict[str, Any]) -> dict[str, Any]:
    """Embed every image, build the index files in `folder`.

    An image that cannot be read is left out and named. Raises InvalidInput when none can,
    GpuOutOfMemory, child_io.Stopped.
    """
    device = choose_device(config["device"])
    emitter.progress(0, len(config["images"]), "images", "loading the model")
    source = ModelSource(**config["model"])
    skipped: list[dict[str, Any]] = []
    try:
        with limited_to_free(device):
            loaded = load_clip(
                source.reference,
                weights_dir=Path(source.weights_dir),
                device=device,
                log=emitter.log,
            )
            embeddings, ids = embed_images(emitter, loaded, config, device, skipped)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        raise GpuOutOfMemory(
            f"{source.model_id} with {config['batch_size']} images at once does not fit into the memory "
            f"of {device}."
        ) from problem
    if not ids:
        raise InvalidInput(
            f"None of the {len(config['images'])} images could be read; the first: {skipped[0]['reason']}.",
            remedy="Check that the artifact store still holds the dataset's images.",
        )
    emitter.progress(len(ids), len(config["images"]), "images", "building the index")
    faiss_index.build(
        Path(config["folder"]), embeddings, np.array(ids, dtype=np.int64), config["meta"]
    )
    if skipped:
        emitter.log(f"{len(skipped)} images could not be read and are not in the index.")
    return {
        "images": len(ids), "dim": embeddings.shape[1],
        "skipped": skipped[:SHOWN], "skipped_count": len(skipped),
    }  # fmt: skip


def embed_images(
    emitter: Emitter,
    loaded: LoadedClip,
    config: dict[str, Any],
    device: str,
    skipped: list[dict[str, Any]],
) -> tuple[Floats, list[int]]:
    """((N, D) float32 of unit norm, the N image ids); unreadable images go to `skipped`."""
    ids: list[int] = []
    parts: list[Floats] = []
    done = 0
    for batch in _decoded_batches(config["images"], loaded, config["batch_size"]):
        if child_io.stop_event().is_set():
            raise Stopped(images=len(ids))
        good = [(image_id, made) for image_id, made in batch if isinstance(made, torch.Tensor)]
        skipped += [
            {"image_id": image_id, "reason": made.message}
            for image_id, made in batch
            if isinstance(made, InvalidInput)
        ]
        if good:
            pixels = torch.stack([made for _, made in good]).to(device)  # (B, 3, S, S)
            with torch.inference_mode():
                vectors = loaded.model.encode_image(pixels, normalize=True)  # (B, D)
            parts.append(vectors.float().cpu().numpy())
            ids += [image_id for image_id, _ in good]
        done += len(batch)
        emitter.progress(done, len(config["images"]), "images", "embedding")
    return (np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)), ids


def _decoded_batches(
    images: Sequence[dict[str, Any]], loaded: LoadedClip, batch_size: int
) -> Iterator[list[tuple[int, torch.Tensor | InvalidInput]]]:
    """Batches of (image id, (3, S, S) or why not); the next batch is decoded meanwhile."""

    def decode(image: dict[str, Any]) -> tuple[int, torch.Tensor | InvalidInput]:
        try:
            return image["image_id"], loaded.preprocess(open_rgb(Path(image["path"])))
        except InvalidInput as problem:
            return image["image_id"], problem

    waiting = iter(images)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ahead = [pool.submit(decode, image) for image in islice(waiting, batch_size)]
        while ahead:
            now, ahead = ahead, [pool.submit(decode, one) for one in islice(waiting, batch_size)]
            yield [future.result() for future in now]


if __name__ == "__main__":
    child_io.main(run)
