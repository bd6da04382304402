"""With a public address of the store, pictures are fetched from it: by who may, and by a link that ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.app import create_app
from common.errors import InvalidInput
from common.settings import Settings
from common.store import SignedLinks, open_links, open_store
from common.store.links import VALID_S, WINDOW_S
from tests.api.conftest import Caller, Service
from tests.servers import Server

PICTURE = b"\x89PNG with nothing to take out"


def public_address(url: str) -> str:
    return f"http://127.0.0.1:{urlsplit(url).port}"


@pytest.fixture
def linked(settings: Settings, s3_url: str, tmp_path: Path) -> Iterator[Service]:
    """The app on a real S3 server that browsers reach as well."""
    web = tmp_path / "dist"
    web.mkdir()
    (web / "index.html").write_text("<!doctype html><title>dashboard</title>")
    there = {"store_url": s3_url, "store_public_url": public_address(s3_url)}
    service = Service(settings.model_copy(update=there), web)
    yield service
    service.engine.dispose()


def test_who_may_see_a_picture_is_sent_to_the_store_and_gets_it_there(linked: Service) -> None:
    call = Caller(linked.app.test_client(), linked.admin_token)
    [image] = linked.add_images(call.dataset(), 1)
    row = call("GET", f"/images/{image}")
    thumb = call.raw("GET", row["thumb_url"])
    assert (thumb.status_code, thumb.data) == (302, b"")
    kept = dict(part.split("=") for part in thumb.headers["Cache-Control"].split(", ")[1:])
    assert thumb.headers["Cache-Control"].startswith("private, ")
    assert 0 < int(kept["max-age"]) <= WINDOW_S
    fetched = httpx.get(thumb.headers["Location"])
    assert (fetched.status_code, fetched.content[:9]) == (200, b"thumb of ")
    again = call.raw("GET", row["thumb_url"])
    assert again.headers["Location"].split("&X-Amz-Date")[0] == thumb.headers["Location"].split(
        "&X-Amz-Date"
    )[0]  # fmt: skip
    bare = call.raw("GET", f"/images/{image}/thumb")
    assert bare.headers["Cache-Control"] == "private, no-cache"


def test_who_may_not_see_it_gets_no_link(linked: Service) -> None:
    call = Caller(linked.app.test_client(), linked.admin_token)
    [image] = linked.add_images(call.dataset(everyone=None), 1)
    refused = linked.person("eve").raw("GET", f"/images/{image}/thumb")
    assert refused.status_code in (403, 404)
    assert "Location" not in refused.headers
    assert linked.app.test_client().get(f"/api/v1/images/{image}/file").status_code == 401


def test_a_link_is_of_one_artifact_for_reading_and_ends(s3_server: Server) -> None:
    store = open_store(s3_server.url)
    store.put_bytes("pictures/ä b.png", PICTURE)
    store.put_bytes("pictures/other.png", PICTURE)
    links = open_links(s3_server.url, public_address(s3_server.url))
    assert isinstance(links, SignedLinks)
    url = links.link("pictures/ä b.png", "image/png").url
    fetched = httpx.get(url)
    assert (fetched.status_code, fetched.content) == (200, PICTURE)
    assert httpx.get(url.replace("%C3%A4%20b", "other")).status_code == 403
    assert httpx.put(url, content=b"mine").status_code == 403
    assert store.get_bytes("pictures/ä b.png") == PICTURE
    old = datetime.now(UTC) - timedelta(seconds=VALID_S + WINDOW_S + 5)
    ended = httpx.get(links.link("pictures/ä b.png", "image/png", old).url)
    assert ended.status_code in (400, 403)  # rclone's server says 400


def test_an_address_stays_the_same_for_a_while_and_is_valid_longer_than_it_is_kept() -> None:
    links = open_links("s3://key:secret@store:9000/bucket?secure=0", "https://pictures.example.org")
    assert links is not None
    begin = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
    first, last = (
        links.link("a", "image/png", begin + timedelta(seconds=after))
        for after in (0, WINDOW_S - 1)
    )
    assert first.url == last.url
    assert (first.lasts_s, last.lasts_s) == (WINDOW_S, 1)
    assert first.url.startswith("https://pictures.example.org/bucket/a?")
    assert links.link("a", "image/png", begin + timedelta(seconds=WINDOW_S)).url != first.url
    assert VALID_S >= 2 * WINDOW_S


def test_the_page_may_show_pictures_of_that_address_and_no_other(linked: Service) -> None:
    answer = linked.app.test_client().get("/")
    assert answer.mimetype == "text/html"
    policy = answer.headers["Content-Security-Policy"]
    assert f"img-src 'self' blob: {public_address(linked.settings.store)};" in policy


def test_a_folder_has_no_public_address(settings: Settings, service: Service) -> None:
    with pytest.raises(InvalidInput, match="folder"):
        open_links(settings.store, "https://pictures.example.org")
    with pytest.raises(InvalidInput, match="STORE_PUBLIC_URL"):
        create_app(
            settings.model_copy(update={"store_public_url": "https://pictures.example.org"}),
            service.services.store, service.services.queue, service.engine,
            service.services.events, service.services.replies,
        )  # fmt: skip
