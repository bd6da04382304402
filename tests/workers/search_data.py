"""A small world for search tests: services on SQLite and a local store, a dataset of sample pictures,
a fine-tuned model folder with random weights, and an index of it.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file

from common.db.tables import Dataset, Image, Model, SearchIndex, now
from common.models.catalogue import MODEL_CONFIG_DIR, SMALL_MODEL
from common.settings import load_settings
from tests.captions import put_caption
from tests.migrated import migrate_new
from workers.cpu.images.sample import draw_sample
from workers.models.clip_model import load_clip
from workers.runtime.services import Services, open_services
from workers.search import faiss_index
from workers.search.models import read_image

DATASET = "shapes"


def open_world(folder: Path, redis_url: str = "redis://127.0.0.1:1/0", **more: Any) -> Services:
    """Services with an empty database and store below folder."""
    settings = load_settings(data_dir=folder, redis_url=redis_url, **more)
    migrate_new(settings.database)
    return open_services(settings)


def add_dataset(services: Services, count: int, dataset_id: str = DATASET) -> list[int]:
    """A dataset of the project's sample pictures with their captions; the images' ids."""
    with services.sessions() as session:
        session.add(Dataset(id=dataset_id, name=dataset_id.title(), created_by="admin"))
        session.flush()
        rows = []
        for number, sample in enumerate(draw_sample(count=count)):
            row = Image(
                dataset_id=dataset_id, sha256=f"{number:064x}", ext="png", filename=sample.filename,
                width=256, height=256, size_bytes=len(sample.png), phash="0" * 16,
            )  # fmt: skip
            session.add(row)
            put_caption(session, row, sample.caption)
            rows.append(row)
            services.store.put_bytes(row.key, sample.png)
        session.flush()
        return [row.id for row in rows]


def add_model(services: Services, model_id: str, seed: int) -> str:
    """A fine-tuned model's folder with random weights of that seed, and its row."""
    open_clip.add_model_config(MODEL_CONFIG_DIR)
    torch.manual_seed(seed)
    model = open_clip.create_model(SMALL_MODEL)
    folder = services.settings.work_dir / "made" / model_id
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": open_clip.get_model_config(SMALL_MODEL), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    services.store.put_folder(f"models_finetuned/{model_id}", folder)
    with services.sessions() as session:
        session.add(
            Model(
                id=model_id,
                name=model_id,
                architecture=SMALL_MODEL,
                folder=model_id,
                created_by="admin",
            )
        )
    return model_id


def add_index(services: Services, reference: str, model_id: str, dataset_id: str = DATASET) -> str:
    """Embed every image and store the index as the index job does, pointer last; its prefix."""
    loaded = load_clip(reference, weights_dir=services.settings.weights_dir)
    with services.readers() as session:
        rows = session.query(Image).filter_by(dataset_id=dataset_id).order_by(Image.id).all()
        ids = np.array([row.id for row in rows], dtype=np.int64)
        images = [read_image(services.store.get_bytes(row.key), 10**7) for row in rows]
    batch = torch.stack([loaded.preprocess(image) for image in images])
    with torch.inference_mode():
        embeddings = loaded.model.encode_image(batch, normalize=True).numpy()
    job_id = secrets.token_hex(6)
    prefix = f"indexes/{dataset_id}/{model_id.replace('/', '_')}/{job_id}"
    folder = services.settings.work_dir / job_id
    faiss_index.build(folder, embeddings, ids, {"model_id": model_id})
    services.store.put_folder(prefix, folder)
    point_at(services, dataset_id, model_id, prefix, len(ids), embeddings.shape[1])
    return prefix


def point_at(
    services: Services, dataset_id: str, model_id: str, prefix: str, images: int, dim: int
) -> None:
    """Swap the pointer of (dataset, model) to a prefix."""
    with services.sessions() as session:
        row = session.query(SearchIndex).filter_by(dataset_id=dataset_id, model_id=model_id).first()
        row = row or SearchIndex(dataset_id=dataset_id, model_id=model_id)
        row.prefix, row.images, row.dim, row.created_at = prefix, images, dim, now()
        session.add(row)
