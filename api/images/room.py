"""What uploads may take: the disk's room, less what is kept free and promised to others, and the quotas."""

from __future__ import annotations

import shutil

from sqlalchemy import func, select

from api.images.resumable import ResumableUploads
from api.services import Services
from common.db.tables import Dataset, Image
from common.errors import DiskFull
from common.store.disk import require_room

GIB = 1024**3
CAPTIONS_BYTES = 4 * 1024**2  # for the database's log and Redis's, between two looks
QUOTA_REMEDY = (
    "Delete images or datasets that nobody needs, drop uploads that you do not go on with, or ask an "
    "administrator to raise {setting}."
)


def open_uploads(services: Services) -> ResumableUploads:
    """The uploads that are on their way to this machine."""
    return ResumableUploads(services.settings.work_dir / "incoming")


def require_quota(services: Services, person: str, size_bytes: int) -> None:
    """Raises DiskFull when so many more bytes would be over this person's or the service's quota.

    A person's are the images in the datasets they made, and what they have announced to upload.
    """
    settings = services.settings
    for name, limit_gib, owner in (
        ("PERSON_QUOTA_GIB", settings.person_quota_gib, person),
        ("SERVICE_QUOTA_GIB", settings.service_quota_gib, None),
    ):
        if limit_gib is None:
            continue
        used = stored_bytes(services, owner) + open_uploads(services).announced_bytes(owner)
        if used + size_bytes > limit_gib * GIB:
            whose = "You use" if owner else "The service uses"
            raise DiskFull(
                f"{whose} {used / GIB:.2f} GiB of {limit_gib:g}; {size_bytes:,} bytes more do not fit.",
                remedy=QUOTA_REMEDY.format(setting=f"CLIP_BROWSER_{name}"),
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
    """Bytes of all images, or of those in the datasets that a person made."""
    found = select(func.coalesce(func.sum(Image.size_bytes), 0))
    if person is not None:
        found = found.join(Dataset).where(Dataset.created_by == person)
    with services.readers() as session:
        return int(session.scalar(found) or 0)
