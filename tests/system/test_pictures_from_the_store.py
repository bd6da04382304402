"""With a public address of the store, a real browser shows pictures that come from there, under the page's own policy."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from common.settings import Settings, load_settings
from tests.api.conftest import PASSWORD, Caller, Service
from tests.api.images.test_links import public_address
from tests.api.serving import running
from tests.servers import free_port
from tests.system.browser import Camera, open_browser, watch_errors
from workers.cpu.images.sample import draw_sample

SHOWN = "image => image.complete && image.naturalWidth > 0"
MAP_REACH = (
    0.92  # of the way from the middle of the map to its edge: where the outermost dots stand
)


@pytest.fixture
def settings(redis_url: str, s3_url: str, tmp_path: Path) -> Settings:
    """Of a service that is served, on an S3 server that the browser reaches, too."""
    return load_settings(
        data_dir=tmp_path, redis_url=redis_url, secret_key="a secret of the tests", port=free_port(),
        admin_password=PASSWORD, store_url=s3_url, store_public_url=public_address(s3_url),
        api_processes=1,
    )  # fmt: skip


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[Service]:
    made = Service(settings, tmp_path / "none")
    yield made
    made.engine.dispose()


def add_pictures(service: Service, call: Caller, dataset: str) -> list[int]:
    """Four drawn pictures, uploaded and taken in; a map with one in each corner."""
    files = [(io.BytesIO(each.png), each.filename) for each in draw_sample(4)]
    call("POST", f"/datasets/{dataset}/images", 202, data={"files": files})
    service.work_off()
    ids: list[int] = call("GET", f"/datasets/{dataset}/images/ids")["ids"]
    corners = [(0, 0), (10, 0), (10, 10), (0, 10)]
    drawn = {
        "points": [[x, y, 0, image] for (x, y), image in zip(corners, ids, strict=True)],
        "clusters": [{"id": 0, "label": "shapes", "size": 4}],
        "model": "ViT-B-32/openai", "index_job_id": None, "created_at": "2026-11-28T08:00:00+00:00",
    }  # fmt: skip
    place = f"maps/{dataset}/ViT-B-32_openai.json"
    service.services.store.put_bytes(place, json.dumps(drawn).encode())
    return ids


def require_shown(picture: Locator) -> None:
    """A picture is there once its pixels are: a box alone, as of one that was refused, is not enough."""
    expect(picture).to_be_visible()
    element = picture.element_handle()
    assert element is not None
    picture.page.wait_for_function(SHOWN, arg=element)


def point_at_corner(page: Page) -> None:
    """The third point of the map, at the top on the right."""
    expect(page.locator(".map-label").first).to_be_visible()
    box = page.locator(".map-stage canvas").bounding_box()
    assert box is not None
    reach = min(box["width"], box["height"]) / 2 * MAP_REACH
    page.mouse.move(box["x"] + box["width"] / 2 + reach, box["y"] + box["height"] / 2 - reach)


@contextmanager
def open_page(settings: Settings) -> Iterator[tuple[Page, list[tuple[str, str]]]]:
    """Signed in as admin; (the page, origin and path of each picture that it got), nothing of it from a cache."""
    served: list[tuple[str, str]] = []

    def keep(got: Response) -> None:
        parts = urlsplit(got.url)
        if got.request.resource_type == "image" and got.ok and not parts.path.endswith(".svg"):
            served.append((f"{parts.scheme}://{parts.netloc}", parts.path))

    with running(settings), open_browser() as browser:
        page = browser.new_page(base_url=settings.address, viewport={"width": 1280, "height": 900})
        login = {"username": "admin", "password": PASSWORD}
        page.request.post("/api/v1/auth/login", data=login)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        refused = watch_errors(page)
        page.on("response", keep)
        yield page, served
        assert refused == []


def test_grid_caption_page_and_map_show_pictures_of_the_stores_own_address(
    service: Service, settings: Settings, camera: Camera
) -> None:
    call = Caller(service.app.test_client(), service.admin_token)
    dataset = call.dataset("Shapes")
    ids = add_pictures(service, call, dataset)
    store = public_address(settings.store)
    with open_page(settings) as (page, served):
        answer = page.goto(f"/d/{dataset}/images")
        assert answer is not None
        assert f"img-src 'self' blob: {store};" in answer.headers["content-security-policy"]
        require_shown(page.locator(f"img[src*='/images/{ids[0]}/thumb']").first)
        camera.take(page, "links-grid")
        page.goto(f"/d/{dataset}/caption/{ids[1]}")
        require_shown(page.locator("img.sharp"))
        camera.take(page, "links-caption")
        page.goto(f"/d/{dataset}/map?model=ViT-B-32/openai")
        point_at_corner(page)
        require_shown(page.locator(f".map-thumb img[src*='/images/{ids[2]}/']"))
        camera.take(page, "links-map")
    assert {origin for origin, _ in served} == {store}
    assert {path.split("/")[4] for _, path in served} == {"images", "thumbs"}
