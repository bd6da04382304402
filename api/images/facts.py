"""Finding an image, or saying that there is none."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from api.services import app_services
from common.db.tables import Image
from common.errors import NotFound


def find_image(session: Session, image_id: int) -> Image:
    """The image. Raises NotFound."""
    image = session.get(Image, image_id)
    if image is None:
        raise no_image(image_id)
    return image


def no_image(image_id: int, where: str = "") -> NotFound:
    """The error that says so."""
    message = f"There is no image {image_id} {where}".rstrip()
    return NotFound(f"{message}.", remedy="It may have been deleted.")


def require_image(image_id: int) -> None:
    """Raises NotFound unless there is such an image."""
    find_file(image_id)


class StoredFile(NamedTuple):
    """What is known of an image's file."""

    dataset_id: str
    sha256: str
    ext: str


_FILE = select(*(getattr(Image, name) for name in StoredFile._fields)).where(
    Image.id == bindparam("image_id")
)


def find_file(image_id: int) -> StoredFile:
    """The file of an image; plain columns, since each image that is shown asks for it. Raises NotFound."""
    with app_services().rows() as connection:
        row = connection.execute(_FILE, {"image_id": image_id}).one_or_none()
    if row is None:
        raise no_image(image_id)
    return StoredFile(*row)
