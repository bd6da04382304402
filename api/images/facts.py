"""Finding an image, or saying that there is none."""

from __future__ import annotations

from sqlalchemy import select
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
    with app_services().readers() as session:
        if session.scalar(select(Image.id).where(Image.id == image_id)) is None:
            raise no_image(image_id)


def read_image(image_id: int) -> Image:
    """The image as it stands now. Raises NotFound."""
    with app_services().readers() as session:
        return find_image(session, image_id)
