"""Draws a map in a process of its own: `python -m workers.cpu.map.child CONFIG.json`.

UMAP compiles for seconds and then keeps a core busy; neither belongs in a worker process.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InvalidInput
from workers.cpu.map import layout
from workers.runtime import child_io
from workers.runtime.child_io import Emitter


def run(emitter: Emitter, config: dict[str, Any]) -> dict[str, Any]:
    """Read embeddings, ids and captions, write `{points, clusters}` to config["out"]."""
    captions: dict[str, str] = json.loads(Path(config["captions"]).read_text("utf-8"))
    ids = np.load(config["ids"])
    there = np.array([str(image_id) in captions for image_id in ids], dtype=bool)
    embeddings = np.load(config["embeddings"], mmap_mode="r")[there]  # (N, D)
    ids = ids[there]
    if not len(ids):
        raise InvalidInput(
            "None of the images of the index is left in the dataset.",
            remedy="Build the index again.",
        )
    _step(emitter, 0, "placing the images")
    places = layout.place(embeddings, config["seed"])  # (N, 2)
    _step(emitter, 1, "finding groups")
    clusters = layout.find_clusters(places, config["seed"])  # (N,)
    _step(emitter, 2, "naming the groups")
    labels = layout.name_clusters([captions[str(image_id)] for image_id in ids], clusters)
    _write(Path(config["out"]), places, clusters, ids, labels)
    _step(emitter, 3, "done")
    return {"points": len(ids), "clusters": len(labels)}


def _step(emitter: Emitter, done: int, message: str) -> None:
    if child_io.stop_event().is_set():
        raise child_io.Stopped
    emitter.progress(done=done, total=3, unit="steps", message=message)


def _write(path: Path, places: Any, clusters: Any, ids: Any, labels: list[str]) -> None:
    drawn = {
        "points": [
            [round(float(x), 4), round(float(y), 4), int(cluster), int(image_id)]
            for (x, y), cluster, image_id in zip(places, clusters, ids, strict=True)
        ],
        "clusters": [
            {"id": number, "label": label, "size": int((clusters == number).sum())}
            for number, label in enumerate(labels)
        ],
    }
    path.write_text(json.dumps(drawn), encoding="utf-8")


if __name__ == "__main__":
    child_io.main(run)
