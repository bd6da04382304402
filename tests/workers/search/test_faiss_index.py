"""The index on disk against brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from common.errors import InvalidInput, NotFound
from workers.search import faiss_index


def unit_rows(count: int, dim: int, seed: int = 0) -> npt.NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_search_finds_exactly_what_brute_force_finds(tmp_path: Path) -> None:
    embeddings, queries = unit_rows(3000, 64), unit_rows(20, 64, seed=1)
    ids = np.random.default_rng(2).permutation(10_000)[:3000].astype(np.int64)
    faiss_index.build(tmp_path, embeddings, ids, {"model_id": "m"})
    index = faiss_index.load(tmp_path)
    for query in queries:
        scores = embeddings @ query
        best = np.argsort(-scores)[:10]
        found = index.search(query, 10)
        assert [image_id for image_id, _ in found] == ids[best].tolist()
        assert [score for _, score in found] == pytest.approx(scores[best].tolist(), abs=1e-5)


def test_an_index_keeps_embeddings_ids_and_facts(tmp_path: Path) -> None:
    embeddings, ids = unit_rows(5, 8), np.array([9, 4, 7, 1, 3], dtype=np.int64)
    faiss_index.build(tmp_path / "new" / "folder", embeddings, ids, {"model_id": "m"})
    index = faiss_index.load(tmp_path / "new" / "folder")
    assert (len(index), index.dim) == (5, 8)
    assert index.meta == {"model_id": "m", "images": 5, "dim": 8}
    assert 7 in index
    assert 8 not in index
    assert np.array_equal(index.embedding_of(7), embeddings[2])
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == list(
        faiss_index.FILES
    )


def test_asking_for_more_hits_than_images_gives_all_images(tmp_path: Path) -> None:
    embeddings = unit_rows(3, 8)
    faiss_index.build(tmp_path, embeddings, np.arange(3, dtype=np.int64), {})
    found = faiss_index.load(tmp_path).search(embeddings[1], 100)
    assert len(found) == 3
    assert found[0][0] == 1


def test_an_image_that_is_not_in_the_index_is_named(tmp_path: Path) -> None:
    faiss_index.build(tmp_path, unit_rows(3, 8), np.arange(3, dtype=np.int64), {})
    with pytest.raises(NotFound, match="Image 77 is not in the index"):
        faiss_index.load(tmp_path).embedding_of(77)


def test_a_query_of_another_model_is_refused(tmp_path: Path) -> None:
    faiss_index.build(tmp_path, unit_rows(3, 8), np.arange(3, dtype=np.int64), {})
    with pytest.raises(InvalidInput, match="holds embeddings of 8"):
        faiss_index.load(tmp_path).search(unit_rows(1, 16)[0], 5)


@pytest.mark.parametrize(
    ("embeddings", "ids", "reason"),
    [
        (np.zeros((0, 8), np.float32), np.zeros(0, np.int64), "needs"),
        (unit_rows(3, 8), np.arange(4), "needs"),
        (unit_rows(3, 8), np.array([1, 2, 1]), "twice"),
        (unit_rows(3, 8) * 2, np.arange(3), "norm 2.0"),
        (np.full((3, 8), np.nan, np.float32), np.arange(3), "norm nan"),
    ],
)
def test_embeddings_that_make_no_index_are_refused(
    tmp_path: Path, embeddings: npt.NDArray[np.float32], ids: npt.NDArray[np.int64], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        faiss_index.build(tmp_path, embeddings, ids, {})


def test_a_folder_that_lacks_a_file_is_no_index(tmp_path: Path) -> None:
    faiss_index.build(tmp_path, unit_rows(3, 8), np.arange(3, dtype=np.int64), {})
    (tmp_path / "ids.npy").unlink()
    with pytest.raises(NotFound, match=r"lacks ids\.npy"):
        faiss_index.load(tmp_path)
