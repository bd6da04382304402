"""What uploads may take: the disk's room, less what is kept free and promised to others, and the quotas."""

from __future__ import annotations

import shutil

from sqlalchemy import func, select

from api.images.resumable import ResumableUploads
from api.services import Services
from common.db.tables import Dataset, Image, TrashedImage
from common.errors import DiskFull
from common.store.disk import require_room

GIB = 1024**3
CAPTIONS_BYTES = 4 * 1024**2  # for the database's log and Redis's, between two looks
QUOTA_REMEDY = (
    "Remove for good what nobody needs (the trash counts until it is emptied), drop uploads that you do not "
    "go on with, or ask an administrator to raise {setting}."
)


def open_uploads(services: Services) -> ResumableUploads:
    """The uploads that are on their way to this machine."""
    return ResumableUploads(services.settings.work_dir / "incoming")


def require_quota(services: Services, person: str, size_bytes: int) -> None:
    """Raises DiskFull when so many more bytes would be over this person's or the service's quota.

    A person's are the images in the datasets they made, also those in the trash, and what they have
    announced to upload.
    """
    _require_share(services, "You use", person, size_bytes)
    _require_share(services, "The service uses", None, size_bytes)


def require_quota_of_maker(
    services: Services, dataset_id: str, person: str, size_bytes: int
) -> None:
    """Raises DiskFull when so many bytes of this person would be over the quota of who made the dataset.

    They count for that one, so nobody fills a disk through the datasets of others.
    """
    with services.readers() as session:
        maker = session.scalar(select(Dataset.created_by).where(Dataset.id == dataset_id))
    if maker is not None and maker != person:
        _require_share(services, f"{maker}, who made the dataset, uses", maker, size_bytes)


def _require_share(services: Services, whose: str, owner: str | None, size_bytes: int) -> None:
    """owner: None for all together."""
    of = "service" if owner is None else "person"
    limit_gib: float | None = getattr(services.settings, f"{of}_quota_gib")
    if limit_gib is None:
        return
    used = stored_bytes(services, owner) + open_uploads(services).announced_bytes(owner)
    if used + size_bytes > limit_gib * GIB:
        raise DiskFull(
            f"{whose} {used / GIB:.2f} GiB of {limit_gib:g}; {size_bytes:,} bytes more do not fit.",
            remedy=QUOTA_REMEDY.format(setting=f"CLIP_BROWSER_{of.upper()}_QUOTA_GIB"),
            details={"used_bytes": used, "quota_bytes": int(limit_gib * GIB)},
        )


def require_room_for(services: Services, person: str, size_bytes: int) -> None:
    """Raises DiskFull when a request's upload would take the room that is promised or kept, or is over a quota."""
    uploads = open_uploads(services)
    require_room(uploads.folder, size_bytes, uploads.missing_bytes())
    require_quota(services, person, size_bytes)


def require_room_for_captions(services: Services) -> None:
    """Raises DiskFull when nothing more can be written here: what is told as queued must be kept."""
    folder = services.settings.data_dir
    if folder.is_dir() and (free := shutil.disk_usage(folder).free) < CAPTIONS_BYTES:
        raise DiskFull(
            f"The disk is full ({free:,} bytes are free), so the caption cannot be kept.",
            remedy="It stays in your browser until there is room; whoever runs the service frees some.",
        )


def stored_bytes(services: Services, person: str | None = None) -> int:
    """Bytes of all images, in the trash or out of it, or of those in the datasets that a person made."""
    total = 0
    with services.readers() as session:
        for table in (Image, TrashedImage):
            found = select(func.coalesce(func.sum(table.size_bytes), 0))
            if person is not None:
                mine = select(Dataset.id).where(Dataset.created_by == person)
                found = found.where(table.dataset_id.in_(mine))
            total += int(session.scalar(found) or 0)
    return total
