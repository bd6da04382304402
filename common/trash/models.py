"""Models into the trash and back, with their indexes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from common.db.tables import Dataset, Job, Model, SearchIndex, TrashedModel, now
from common.errors import Conflict
from common.trash.images import nothing_there
from common.trash.rows import Row, insert_rows, read_rows, table_of

CHOSEN = "chosen"  # beside the tables: ids of the datasets that were searched with it by choice


def folder_of(model: Model | TrashedModel) -> str:
    """The key prefix of a model's files."""
    return f"models_finetuned/{model.folder.rstrip('/').rsplit('/', 1)[-1]}"


def forget_model(session: Session, model_id: str) -> None:
    """Take the model, its indexes and every dataset's choice of it out of the database."""
    session.execute(delete(SearchIndex).where(SearchIndex.model_id == model_id))
    session.execute(update(Dataset).where(Dataset.model_id == model_id).values(model_id=None))
    session.execute(delete(Model).where(Model.id == model_id))


def trash_model(session: Session, model: Model, by: str, size_bytes: int) -> None:
    """Move a model with its indexes into the trash."""
    chosen = session.scalars(select(Dataset.id).where(Dataset.model_id == model.id)).all()
    held: dict[str, Any] = {
        "models": _rows(session, "models", "id", model.id),
        "indexes": _rows(session, "indexes", "model_id", model.id),
        CHOSEN: list(chosen),
    }
    session.add(
        TrashedModel(
            id=model.id, name=model.name, folder=model.folder, dataset_id=model.dataset_id,
            size_bytes=size_bytes, created_by=model.created_by, deleted_by=by, deleted_at=now(),
            rows=held,
        )
    )  # fmt: skip
    forget_model(session, model.id)


def _rows(session: Session, name: str, column: str, value: str) -> list[Row]:
    table = table_of(name)
    return read_rows(session, table, select(table).where(table.c[column] == value))


def restore_model(session: Session, model_id: str) -> list[str]:
    """Bring back a model with those of its indexes that no newer one stands for; its indexes' datasets.

    Raises NotFound; Conflict when there is another model of this id.
    """
    held = find_trashed_model(session, model_id)
    if session.get(Model, model_id) is not None:
        raise Conflict(
            f"There is another model {model_id} now.", remedy="Delete that one first, or keep both."
        )
    insert_rows(session, table_of("models"), [_mended(session, row) for row in held.rows["models"]])
    back = [row for row in held.rows["indexes"] if _is_free(session, row)]
    insert_rows(session, table_of("indexes"), [_mended(session, row) for row in back])
    session.execute(
        update(Dataset)
        .where(Dataset.id.in_(held.rows[CHOSEN]), Dataset.model_id.is_(None))
        .values(model_id=model_id)
    )
    session.delete(held)
    return sorted({*(row["dataset_id"] for row in back), *held.rows[CHOSEN]})


def find_trashed_model(session: Session, model_id: str) -> TrashedModel:
    """Raises NotFound."""
    held = session.get(TrashedModel, model_id, with_for_update=True)
    if held is None:
        raise nothing_there()
    return held


def _mended(session: Session, row: Row) -> Row:
    """Without the names of a job or a dataset that went meanwhile."""
    for name, table in (("job_id", Job), ("dataset_id", Dataset)):
        if row.get(name) is not None and session.get(table, row[name]) is None:
            row = {**row, name: None}
    return row


def _is_free(session: Session, row: Row) -> bool:
    """Whether the dataset of an index is there, without a newer index by the same model."""
    if session.get(Dataset, row["dataset_id"]) is None:
        return False
    same = select(SearchIndex.id).where(
        SearchIndex.dataset_id == row["dataset_id"], SearchIndex.model_id == row["model_id"]
    )
    return session.scalar(same) is None


def remove_model(session: Session, model_id: str) -> list[str]:
    """Take a model out of the trash for good; the folders that go with it. Raises NotFound."""
    held = find_trashed_model(session, model_id)
    prefixes = [row["prefix"].rstrip("/") for row in held.rows["indexes"]]
    session.delete(held)
    return [folder_of(held), *prefixes]
