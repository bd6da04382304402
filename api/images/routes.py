"""Images: lists, uploads, files."""

from __future__ import annotations

from typing import cast

from flask import Response, redirect, request, send_file

from api.answer import Problem
from api.capability import FOR_EVER, file_of, make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import answer_image, answer_images
from api.images.deletion import delete_chosen
from api.images.facts import find_file, find_image
from api.images.filter import around, count, filtered, place
from api.images.schemas import (
    ImageList,
    ImageOut,
    ImagePath,
    ImageQuery,
    NeighbourQuery,
    Neighbours,
)
from api.services import Services, app_services
from common.db.tables import Image
from common.db.tables.images import image_key, thumb_key
from common.errors import NotFound
from common.images.metadata import without_metadata

images = make_blueprint("images", __name__, "images")
TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "tif": "image/tiff", "tiff": "image/tiff"}
MAX_REMEMBERED = 200_000  # hashes, some 25 MB
STREAM_BYTES = 256 * 1024


@images.get("/datasets/<dataset_id>/images", responses={200: ImageList, 404: Problem})
def list_images(path: DatasetPath, query: ImageQuery) -> ImageList:
    """A page of the images that fit, by id; `total` counts those of all pages."""
    with app_services().readers() as session:
        find_dataset(session, path.dataset_id)
        fitting = filtered(path.dataset_id, query)
        total = count(session, fitting)
        rest = fitting.where(Image.id > int(query.cursor)) if query.cursor else fitting
        found = session.scalars(rest.limit(query.limit + 1)).all() if total else []
        items = answer_images(session, found[: query.limit])
    more = len(found) > query.limit
    return ImageList(items=items, next_cursor=str(items[-1].id) if more else None, total=total)


@images.get("/images/<int:image_id>", responses={200: ImageOut, 404: Problem})
def get_image(path: ImagePath) -> ImageOut:
    """One image."""
    with app_services().readers() as session:
        return answer_image(session, find_image(session, path.image_id))


@images.get("/images/<int:image_id>/neighbours", responses={200: Neighbours, 404: Problem})
def get_neighbours(path: ImagePath, query: NeighbourQuery) -> Neighbours:
    """The images around this one, by id, that fit the filter; itself too, if it fits."""
    with app_services().readers() as session:
        image = find_image(session, path.image_id)
        fitting = filtered(image.dataset_id, query)
        position, total = place(session, fitting, image.id)
        found = around(session, fitting, image.id, query.before, query.after)
        items = answer_images(session, found)
    return Neighbours(items=items, position=position, total=total)


@images.delete("/images/<int:image_id>", responses={204: None, 404: Problem})
def delete_image(path: ImagePath) -> tuple[str, int]:
    """Delete an image with its captions; it can be brought back from the trash."""
    with app_services().readers() as session:
        dataset_id = find_image(session, path.image_id).dataset_id
    delete_chosen(app_services(), dataset_id, [path.image_id])
    return "", 204


@images.get(
    "/images/<int:image_id>/file",
    responses={200: file_of("image/*"), 206: file_of("image/*"), 302: None, 404: Problem},
)
def get_original(path: ImagePath) -> Response:
    """The image, every pixel as it was uploaded; place, owner and device are left out unless a setting keeps them."""
    dataset_id, sha256, ext = find_file(path.image_id)
    key, mimetype = image_key(dataset_id, sha256, ext), TYPES.get(ext, f"image/{ext}")
    services = app_services()
    if services.settings.keep_image_metadata:
        return _stored(key, sha256, mimetype)
    etag = f"{sha256}-plain"
    plain = None if request.if_none_match.contains(etag) else _made_plain(services, sha256, key)
    if plain is not None:
        return _cached(Response(plain, mimetype=mimetype), etag)
    return _stored(key, etag, mimetype)


def _made_plain(services: Services, sha256: str, key: str) -> bytes | None:
    """A file that came in before metadata were taken out, without them; None: as stored it has none."""
    if sha256 in services.plain_images:
        return None
    data = services.store.get_bytes(key)
    plain = without_metadata(data)
    if plain is not data:
        return plain
    if len(services.plain_images) >= MAX_REMEMBERED:
        services.plain_images.clear()
    services.plain_images.add(sha256)
    return None


@images.get(
    "/images/<int:image_id>/thumb",
    responses={200: file_of("image/webp"), 206: file_of("image/webp"), 302: None, 404: Problem},
)
def get_thumb(path: ImagePath) -> Response:
    """A small WebP of the image."""
    dataset_id, sha256, _ = find_file(path.image_id)
    return _stored(thumb_key(dataset_id, sha256), f"{sha256}-thumb", "image/webp")


def _stored(key: str, etag: str, mimetype: str) -> Response:
    """An artifact with its ETag; 304 when the browser has it, 302 when it may fetch it from the store itself."""
    local = app_services().store.local_path(key)
    if local is not None and local.is_file():
        response = send_file(local, mimetype=mimetype, etag=etag, conditional=True)
    elif local is not None:
        raise NotFound("The file of this image is missing in the store.", remedy="Upload it again.")
    elif request.if_none_match.contains(etag):
        response = Response(status=304)
        response.set_etag(etag)
    elif app_services().links is not None:
        return _sent_on(key, etag, mimetype)
    else:
        stream = app_services().store.open(key)
        response = Response(iter(lambda: stream.read(STREAM_BYTES), b""), mimetype=mimetype)
        response.call_on_close(stream.close)
        response.set_etag(etag)
    return _cached(response, etag)


def _sent_on(key: str, etag: str, mimetype: str) -> Response:
    """To the store; a browser need not ask again while the link is given out."""
    links = app_services().links
    assert links is not None
    link = links.link(key, mimetype)
    response = cast(Response, redirect(link.url))
    response.set_data(b"")  # whoever reads this follows it
    del response.headers["Content-Type"]
    kept = f"private, max-age={link.lasts_s}"
    response.headers["Cache-Control"] = kept if _is_named(etag) else "private, no-cache"
    return response


def _is_named(etag: str) -> bool:
    """Whether the address that was asked for names the content."""
    versioned = request.args.get("v", "")
    return bool(versioned) and etag.startswith(versioned)


def _cached(response: Response, etag: str) -> Response:
    """For ever when the address names the content, else asked for again."""
    response.set_etag(etag)
    response.headers["Cache-Control"] = FOR_EVER if _is_named(etag) else "private, no-cache"
    return response
