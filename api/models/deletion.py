"""Deleting a model: into the trash, or at once where nothing is kept."""

from __future__ import annotations

from api.models.needs import Needs
from api.models.registry import find_own
from api.people.audited import note_details
from api.people.identity import user
from api.services import Services
from common.db.tables import Model
from common.trash.models import folder_of, forget_model, trash_model
from common.trash.removal import remove_folders


def delete_model(services: Services, model: Model, needs: Needs) -> None:
    """Delete a model with its indexes, and tell the datasets that had them."""
    folder = folder_of(model)
    size_bytes = sum(item.size_bytes for item in services.store.list(folder))
    is_kept = services.settings.keep_trash_days > 0
    with services.sessions() as session:
        found = find_own(session, model.id)
        if is_kept:
            trash_model(session, found, user().name, size_bytes)
        else:
            forget_model(session, model.id)
    if not is_kept:
        folders = [folder, *(prefix.rstrip("/") for prefix in needs.prefixes)]
        remove_folders(services.sessions, services.store, folders, user().name)
    datasets = {*needs.indexed, *needs.default_for}
    note_details(
        name=model.name, datasets=len(datasets)
    )  # not which: owners of this one may not see them
    for dataset_id in datasets:
        services.events.dataset(dataset_id)
