"""The index of a dataset: image embeddings, searched exactly by inner product (FAISS IndexFlatIP).

A folder holds one index: `index.faiss`, `ids.npy` (int64, the image of each row), `embeddings.npy`
(float32) and `meta.json`. All embeddings have unit norm, so the inner product is the cosine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ids = npt.NDArray[np.int64]

FILES = ("embeddings.npy", "ids.npy", "index.faiss", "meta.json")
NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class LoadedIndex:
    """An index in memory. Its calls may be made from several threads."""

    ids: Ids  # (N,)
    embeddings: Floats  # (N, D), unit norm
    meta: dict[str, Any]
    _faiss: Any = field(repr=False)
    _row_of: dict[int, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """D, the length of an embedding."""
        return int(self.embeddings.shape[1])

    def __contains__(self, image_id: int) -> bool:
        return image_id in self._row_of

    def search(self, query: Floats, k: int) -> list[tuple[int, float]]:
        """The k images nearest to query (D,), the best first: (image id, cosine in -1..1).

        Fewer when the index is smaller. Raises InvalidInput when D or k does not fit.
        """
        if query.shape != (self.dim,):
            raise InvalidInput(
                f"The query has shape {query.shape}, the index holds embeddings of {self.dim}.",
                remedy="Build the index again with the model that the search uses.",
            )
        if k < 1:
            raise InvalidInput(f"k is {k}; at least 1 is needed.", remedy="Ask for 1 hit or more.")
        scores, rows = self._faiss.search(query.reshape(1, -1), min(k, len(self)))
        return [
            (int(self.ids[row]), float(score))
            for row, score in zip(rows[0], scores[0], strict=True)
            if row >= 0
        ]

    def embedding_of(self, image_id: int) -> Floats:
        """The stored embedding (D,) of an image. Raises NotFound when the index has none."""
        row = self._row_of.get(image_id)
        if row is None:
            raise NotFound(
                f"Image {image_id} is not in the index.",
                remedy="Build the index again: it is older than the image.",
            )
        embedding: Floats = self.embeddings[row]
        return embedding


def build(folder: Path, embeddings: Floats, ids: Ids, meta: dict[str, Any]) -> None:
    """Write the four files of an index into folder. embeddings: (N, D) unit norm, ids: (N,).

    Raises InvalidInput when N is 0, ids repeat, shapes differ or a row is not of unit norm.
    """
    import faiss
    import numpy as np

    _check(embeddings, ids)
    rows = np.ascontiguousarray(embeddings, dtype=np.float32)
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(rows)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "embeddings.npy", rows)
    np.save(folder / "ids.npy", ids.astype(np.int64))
    faiss.write_index(flat, str(folder / "index.faiss"))
    facts = {**meta, "images": len(ids), "dim": int(rows.shape[1])}
    (folder / "meta.json").write_text(json.dumps(facts, indent=1, default=str), encoding="utf-8")


def load(folder: Path) -> LoadedIndex:
    """The index in folder. Raises NotFound when a file is missing or the files do not belong together."""
    import faiss

    embeddings, ids = load_embeddings(folder)
    flat = faiss.read_index(str(folder / "index.faiss"))
    if flat.ntotal != len(ids):
        raise NotFound(
            f"The index in {folder.name} holds {flat.ntotal} vectors for {len(ids)} images.",
            remedy="Build the index again.",
        )
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    row_of = {int(image_id): row for row, image_id in enumerate(ids)}
    return LoadedIndex(ids, embeddings, meta, flat, row_of)


def load_embeddings(folder: Path) -> tuple[Floats, Ids]:
    """What the index in folder was built from, without FAISS: (N, D) unit norm, (N,).

    Raises NotFound when a file is missing or the files do not belong together.
    """
    import numpy as np

    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise NotFound(
            f"The index in {folder.name} lacks {', '.join(missing)}.",
            remedy="Build the index again.",
        )
    ids = np.load(folder / "ids.npy")
    embeddings = np.load(folder / "embeddings.npy", mmap_mode="r")
    if len(ids) != len(embeddings):
        raise NotFound(
            f"The index in {folder.name} holds {len(embeddings)} vectors for {len(ids)} images.",
            remedy="Build the index again.",
        )
    return embeddings, ids


def _check(embeddings: Floats, ids: Ids) -> None:
    import numpy as np

    if embeddings.ndim != 2 or not embeddings.size or ids.shape != (len(embeddings),):
        raise InvalidInput(
            f"An index needs (N, D) embeddings and (N,) ids; these are {embeddings.shape}, {ids.shape}.",
            remedy="Add images to the dataset first.",
        )
    if len(np.unique(ids)) != len(ids):
        raise InvalidInput("An image is twice in the embeddings of the index.")
    norms = np.linalg.norm(embeddings, axis=1)
    if not np.all(np.abs(norms - 1) < NORM_TOLERANCE):
        worst = float(norms[int(np.argmax(np.abs(norms - 1)))])
        raise InvalidInput(
            f"An embedding has norm {worst:.4f} in place of 1.",
            remedy="The model's weights may be damaged: train it again, or use another model.",
        )
