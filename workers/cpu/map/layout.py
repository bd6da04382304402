"""The pure core of the map: where each image goes, which belong together, what a group is called."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

UMAP_FROM = 15  # below this many images a neighbourhood graph says nothing; PCA it is
NEIGHBOURS = 15
MIN_DIST = 0.1
CLUSTERS_FROM = 6
WORDS_PER_LABEL = 3
WORD = r"(?u)\b\w[\w'-]*\w\b"


def place(embeddings: Floats, seed: int) -> Floats:
    """Positions in the plane, (N, D) unit norm -> (N, 2), each axis within -1..1, N >= 1.

    UMAP on the cosine distance (McInnes et al. 2018), PCA below UMAP_FROM images. The same seed
    and embeddings give the same map.
    """
    if len(embeddings) < UMAP_FROM:
        return _scaled(_principal_axes(embeddings))
    from umap import UMAP

    reducer = UMAP(
        n_neighbors=min(NEIGHBOURS, len(embeddings) - 1),
        min_dist=MIN_DIST,
        metric="cosine",
        random_state=seed,
        n_jobs=1,
        init="pca" if len(embeddings) < 50 else "spectral",
    )
    return _scaled(np.asarray(reducer.fit_transform(np.asarray(embeddings)), dtype=np.float32))


def _principal_axes(embeddings: Floats) -> Floats:
    centred = np.asarray(embeddings, dtype=np.float64) - embeddings.mean(axis=0)
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(embeddings), 2))
    axes = min(2, left.shape[1])
    flat[:, :axes] = left[:, :axes] * strength[:axes]
    return flat.astype(np.float32)


def _scaled(places: Floats) -> Floats:
    """Centred, the wider axis filling -1..1, proportions kept."""
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max()) or 1.0
    scaled: Floats = ((places - (low + high) / 2) * (2 / span)).astype(np.float32)
    return scaled


def find_clusters(places: Floats, seed: int) -> Ints:
    """Groups of points, (N, 2) -> (N,) numbered 0.. from the largest to the smallest.

    HDBSCAN; a point that it calls noise joins its nearest group. k-means where it sees fewer than
    two groups, since an even cloud is easier to read with names on its parts.
    """
    if len(places) < CLUSTERS_FROM:
        return np.zeros(len(places), dtype=np.int64)
    from sklearn.cluster import HDBSCAN, KMeans

    smallest = max(4, min(50, len(places) // 40))
    found = HDBSCAN(min_cluster_size=smallest, min_samples=3, copy=True).fit_predict(places)
    if found.max() < 1:
        groups = max(2, min(12, round((len(places) / 10) ** 0.5)))
        found = KMeans(groups, random_state=seed, n_init=4).fit_predict(places)
    return _largest_first(_without_noise(places, found))


def _without_noise(places: Floats, found: Any) -> Ints:
    noise = found < 0
    if not noise.any():
        return np.asarray(found, dtype=np.int64)
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(n_neighbors=1).fit(places[~noise], found[~noise])
    whole = np.asarray(found, dtype=np.int64).copy()
    whole[noise] = nearest.predict(places[noise])
    return whole


def _largest_first(found: Ints) -> Ints:
    numbers, sizes = np.unique(found, return_counts=True)
    order = {
        int(number): rank for rank, number in enumerate(numbers[np.argsort(-sizes, kind="stable")])
    }
    return np.array([order[int(number)] for number in found], dtype=np.int64)


def name_clusters(captions: list[str], clusters: Ints) -> list[str]:
    """A label of up to three words for each group: those that set its captions apart.

    Class-based tf-idf (Grootendorst, "BERTopic", 2022): tf(word, group) * log(1 + A / f(word)),
    A the average number of words in a group. A group without captions is called "group N".
    """
    groups = range(int(clusters.max()) + 1)
    texts = [" . ".join(captions[i] for i in np.flatnonzero(clusters == g)) for g in groups]
    if not re.search(WORD, " ".join(texts)):
        return [f"group {group + 1}" for group in groups]
    counts, words = _count_words(texts)
    weights = _class_weights(counts)
    return [_label(weights[group], words) or f"group {group + 1}" for group in groups]


def _count_words(texts: list[str]) -> tuple[Ints, list[str]]:
    """Counts (groups, words); English filler words left out if that leaves any."""
    from sklearn.feature_extraction.text import CountVectorizer

    for stop_words in ("english", None):
        counter = CountVectorizer(stop_words=stop_words, token_pattern=WORD)
        try:
            counts = counter.fit_transform(texts)
            return np.asarray(counts.todense()), list(counter.get_feature_names_out())
        except ValueError:  # nothing but stop words
            continue
    raise AssertionError("texts hold no word")


def _class_weights(counts: Ints) -> npt.NDArray[np.float64]:
    dense = counts.astype(np.float64)  # (groups, words)
    share = dense / np.maximum(dense.sum(axis=1, keepdims=True), 1)
    average = dense.sum() / len(dense)
    weights: npt.NDArray[np.float64] = share * np.log1p(average / np.maximum(dense.sum(axis=0), 1))
    return weights


def _label(weights: npt.NDArray[np.float64], words: list[str]) -> str:
    best = np.argsort(-weights, kind="stable")[:WORDS_PER_LABEL]
    top = float(weights[best[0]]) if len(best) else 0.0
    return ", ".join(words[i] for i in best if weights[i] > 0.25 * top)
