"""Images: lists, uploads, files."""

from __future__ import annotations

from typing import Any

from flask import Response, request, send_file
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.answers import ImageList, ImageOut, Neighbours, Problem
from api.datasets.facts import find_dataset
from api.images.filter import around, count, filtered, place
from api.schemas import DatasetPath, ImagePath, ImageQuery, NeighbourQuery
from api.services import parts
from api.shapes import PREFIX, image_shapes
from common.datasets.changes import touch_dataset
from common.db.tables import Image
from common.errors import NotFound

images = APIBlueprint("images", __name__, url_prefix=PREFIX, abp_tags=[Tag(name="images")])
FOR_EVER = "private, max-age=31536000, immutable"  # the address holds the content's hash
TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "tif": "image/tiff", "tiff": "image/tiff"}
STREAM_BYTES = 256 * 1024


@images.get("/datasets/<dataset_id>/images", responses={200: ImageList, 404: Problem})
def list_images(path: DatasetPath, query: ImageQuery) -> dict[str, Any]:
    """A page of the images that fit, by id; `total` counts those of all pages."""
    with parts().readers() as session:
        find_dataset(session, path.dataset_id)
        fitting = filtered(path.dataset_id, query)
        total = count(session, fitting)
        rest = fitting.where(Image.id > int(query.cursor)) if query.cursor else fitting
        found = session.scalars(rest.limit(query.limit + 1)).all()
        items = image_shapes(session, found[: query.limit])
    more = len(found) > query.limit
    return {"items": items, "next_cursor": str(items[-1]["id"]) if more else None, "total": total}


@images.get("/images/<int:image_id>", responses={200: ImageOut, 404: Problem})
def get_image(path: ImagePath) -> dict[str, Any]:
    """One image."""
    with parts().readers() as session:
        return image_shapes(session, [find_image(session, path.image_id)])[0]


@images.get("/images/<int:image_id>/neighbours", responses={200: Neighbours, 404: Problem})
def get_neighbours(path: ImagePath, query: NeighbourQuery) -> dict[str, Any]:
    """The images around this one, by id, that fit the filter; itself too, if it fits."""
    with parts().readers() as session:
        image = find_image(session, path.image_id)
        fitting = filtered(image.dataset_id, query)
        position, total = place(session, fitting, image.id)
        found = around(session, fitting, image.id, query.before, query.after)
        items = image_shapes(session, found)
    return {"items": items, "position": position, "total": total}


@images.delete("/images/<int:image_id>", responses={204: None, 404: Problem})
def delete_image(path: ImagePath) -> tuple[str, int]:
    """Remove an image with its captions."""
    with parts().sessions() as session:
        image = find_image(session, path.image_id)
        session.execute(delete(Image).where(Image.id == image.id))
        touch_dataset(session, image.dataset_id)
    for key in (image.key, image.thumb_key):
        parts().store.delete(key)
    parts().events.dataset(image.dataset_id)
    return "", 204


@images.get("/images/<int:image_id>/file", responses={404: Problem})
def get_original(path: ImagePath) -> Response:
    """The image as it was uploaded."""
    image = read_image(path.image_id)
    return _stored(image.key, image.sha256, TYPES.get(image.ext, f"image/{image.ext}"))


@images.get("/images/<int:image_id>/thumb", responses={404: Problem})
def get_thumb(path: ImagePath) -> Response:
    """A small WebP of the image."""
    image = read_image(path.image_id)
    return _stored(image.thumb_key, f"{image.sha256}-thumb", "image/webp")


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
    with parts().readers() as session:
        if session.scalar(select(Image.id).where(Image.id == image_id)) is None:
            raise no_image(image_id)


def read_image(image_id: int) -> Image:
    """The image as it stands now. Raises NotFound."""
    with parts().readers() as session:
        return find_image(session, image_id)


def _stored(key: str, etag: str, mimetype: str) -> Response:
    """An artifact with its ETag; 304 when the browser has it."""
    local = parts().store.local_path(key)
    if local is not None and local.is_file():
        response = send_file(local, mimetype=mimetype, etag=etag, conditional=True)
    elif local is not None:
        raise NotFound("The file of this image is missing in the store.", remedy="Upload it again.")
    elif request.if_none_match.contains(etag):
        response = Response(status=304)
        response.set_etag(etag)
    else:
        stream = parts().store.open(key)
        response = Response(iter(lambda: stream.read(STREAM_BYTES), b""), mimetype=mimetype)
        response.call_on_close(stream.close)
        response.set_etag(etag)
    versioned = request.args.get("v", "")
    kept = versioned and etag.startswith(versioned)
    response.headers["Cache-Control"] = FOR_EVER if kept else "private, no-cache"
    return response
