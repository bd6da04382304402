"""Images: lists, uploads, files."""

from __future__ import annotations

from typing import Any

from flask import Response, request, send_file
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from api.answers import ImageList, ImageOut, JobAnswer, Problem
from api.dataset_facts import find_dataset, require_dataset
from api.identity import user
from api.parts import parts
from api.schemas import DatasetPath, ImagePath, ImageQuery, Upload
from api.shapes import PREFIX, image_shape
from api.submission import submit
from api.uploads import store_uploads
from common.errors import NotFound
from common.schema import Dataset, Image

images = APIBlueprint("images", __name__, url_prefix=PREFIX, abp_tags=[Tag(name="images")])
FOR_EVER = "private, max-age=31536000, immutable"  # the address holds the content's hash
TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "tif": "image/tiff", "tiff": "image/tiff"}
STREAM_BYTES = 256 * 1024


@images.get("/datasets/<dataset_id>/images", responses={200: ImageList, 404: Problem})
def list_images(path: DatasetPath, query: ImageQuery) -> dict[str, Any]:
    """A page of images by id. q looks in captions and file names."""
    with parts().readers() as session:
        find_dataset(session, path.dataset_id)
        found = session.scalars(_page(path.dataset_id, query).limit(query.limit + 1)).all()
    items = [image_shape(image) for image in found[: query.limit]]
    more = len(found) > query.limit
    return {"items": items, "next_cursor": str(items[-1]["id"]) if more else None}


@images.post(
    "/datasets/<dataset_id>/images", responses={202: JobAnswer, 400: Problem, 413: Problem}
)
def upload_images(path: DatasetPath, raw: Upload) -> tuple[dict[str, Any], int]:
    """Add images: multipart `files`, each an image or a zip. The job lists what was rejected."""
    require_dataset(parts(), path.dataset_id)
    params = {"uploads": store_uploads(parts(), raw, "files")}
    job = submit(parts(), "ingest", params, dataset_id=path.dataset_id, created_by=user().name)
    return {"job": job}, 202


@images.get("/images/<int:image_id>", responses={200: ImageOut, 404: Problem})
def get_image(path: ImagePath) -> dict[str, Any]:
    """One image."""
    return image_shape(read_image(path.image_id))


@images.delete("/images/<int:image_id>", responses={204: None, 404: Problem})
def delete_image(path: ImagePath) -> tuple[str, int]:
    """Remove an image with its captions."""
    with parts().sessions() as session:
        image = find_image(session, path.image_id)
        session.execute(delete(Image).where(Image.id == image.id))
        session.execute(
            update(Dataset)
            .where(Dataset.id == image.dataset_id)
            .values(caption_seq=Dataset.caption_seq + 1)
        )
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


def _page(dataset_id: str, query: ImageQuery) -> Any:
    wanted = select(Image).where(Image.dataset_id == dataset_id).order_by(Image.id)
    if query.status is not None:
        captioned = query.status == "captioned"
        wanted = wanted.where(Image.revision > 0 if captioned else Image.revision == 0)
    if query.q:
        text = query.q.casefold()
        wanted = wanted.where(
            or_(
                Image.caption.icontains(text, autoescape=True),
                Image.filename.icontains(text, autoescape=True),
            )
        )
    if query.ids:
        wanted = wanted.where(Image.id.in_([int(part) for part in query.ids.split(",")]))
    if query.cursor:
        wanted = wanted.where(Image.id > int(query.cursor))
    return wanted


def find_image(session: Session, image_id: int) -> Image:
    """The image. Raises NotFound."""
    image = session.get(Image, image_id)
    if image is None:
        raise NotFound(f"There is no image {image_id}.", remedy="It may have been deleted.")
    return image


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
