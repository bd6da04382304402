"""The captions that a split froze: one file a snapshot, which nobody changes afterwards.

`datasets/<id>/snapshots/<snapshot_id>.jsonl` has a line for each caption. The id is the beginning
of the file's SHA-256, so whoever holds a file can tell which one it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Literal, NamedTuple

from common.store import ArtifactStore

JSON_LINES = "application/x-ndjson"
ID_CHARS = 16  # 64 bits of the hash

Side = Literal["train", "val"]


class FrozenCaption(NamedTuple):
    """A caption as it was at the split, and the part that its image is in.

    path: of its image below `datasets/<id>/`.
    """

    image_id: int
    path: str
    slot: int
    revision: int
    text: str
    side: Side


def snapshot_key(dataset_id: str, snapshot_id: str) -> str:
    """Where a snapshot lies."""
    return f"datasets/{dataset_id}/snapshots/{snapshot_id}.jsonl"


def save_snapshot(
    store: ArtifactStore, dataset_id: str, rows: Iterable[FrozenCaption]
) -> tuple[str, str]:
    """Store a snapshot; (its id, the SHA-256 of its file). The same captions give the same id."""
    lines = (json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows)
    data = "".join(lines).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    snapshot_id = sha256[:ID_CHARS]
    store.put_bytes(snapshot_key(dataset_id, snapshot_id), data, JSON_LINES)
    return snapshot_id, sha256


def load_snapshot(store: ArtifactStore, dataset_id: str, snapshot_id: str) -> list[FrozenCaption]:
    """The captions of a snapshot, in the order of images and slots. Raises NotFound."""
    data = store.get_bytes(snapshot_key(dataset_id, snapshot_id))
    return [FrozenCaption(**json.loads(line)) for line in data.splitlines()]
