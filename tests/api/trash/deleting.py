"""What the tests of the trash do again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from common.db.tables import (
    Dataset,
    Member,
    Model,
    SearchIndex,
    User,
    now,
)
from common.trash.expiry import remove_expired
from tests.api.conftest import Caller, Service


def trash(call: Caller) -> list[dict[str, Any]]:
    return list(call("GET", "/trash")["items"])


def delete(call: Caller, dataset: str, ids: list[int]) -> str:
    body = {"image_ids": ids}
    return str(call("POST", f"/datasets/{dataset}/images/delete", json=body)["batch"])


def make(service: Service, name: str, owner: str) -> str:
    with service.services.sessions() as session:
        session.add(Dataset(id=name, name=name.title(), created_by=owner, everyone_role="manager"))
        session.flush()
        user_id = session.scalars(select(User.id).where(User.name == owner)).one()
        session.add(Member(dataset_id=name, user_id=user_id, role="owner", added_by=owner))
    return name


def add_model(service: Service, dataset: str, name: str = "tuned") -> None:
    with service.services.sessions() as session:
        session.add(
            Model(
                id=name, name=name, architecture="ViT-B-32", folder=f"models_finetuned/{name}",
                dataset_id=dataset, created_by="ada", lineage={"a": 1},
            )
        )  # fmt: skip
        session.add(
            SearchIndex(
                dataset_id=dataset,
                model_id=name,
                prefix=f"indexes/{dataset}/{name}/",
                images=3,
                dim=4,
            )
        )
        session.execute(update(Dataset).where(Dataset.id == dataset).values(model_id=name))
    for key in (f"models_finetuned/{name}/training.json", f"indexes/{dataset}/{name}/index.faiss"):
        service.services.store.put_bytes(key, b"12345")


def keys(service: Service) -> set[str]:
    return {item.key for item in service.services.store.list("")}


def later(service: Service, days: float = 31) -> None:
    """What the maintenance worker does after that many days."""
    services = service.services
    with services.sessions() as session:
        gone = remove_expired(session, services.settings, now() + timedelta(days=days))
    for folder in gone.folders:
        services.store.delete_prefix(folder)
