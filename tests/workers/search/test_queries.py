"""Search on real models, real indexes and a real database."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from common.db.tables import Image, Model, SearchIndex
from common.errors import InvalidInput
from tests.workers import search_data
from tests.workers.search_data import DATASET
from workers.models.clip_model import load_clip
from workers.models.source import model_folder
from workers.runtime.services import Services
from workers.search.models import SearchModels, read_image
from workers.search.queries import Searcher, load_index

UNTRAINED = "clip-browser-small/untrained"
IMAGES = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """A dataset of 24 images with an index by the untrained model, and a fine-tuned model."""
    services = search_data.open_world(tmp_path_factory.mktemp("world"))
    search_data.add_dataset(services, IMAGES)
    search_data.add_index(services, UNTRAINED, UNTRAINED)
    search_data.add_model(services, "20260101-000000_mine", seed=7)
    return services


@pytest.fixture
def searcher(world: Services) -> Searcher:
    return Searcher(world)


def ask(searcher: Searcher, **request: object) -> dict:
    return searcher.answer({"dataset_id": DATASET, "model_id": None, "k": 5, **request})


def test_a_text_finds_what_brute_force_over_all_images_finds(
    world: Services, searcher: Searcher
) -> None:
    answer = ask(searcher, q="a red circle", k=10)
    query = searcher.models.text(model_folder(world, UNTRAINED), "a red circle")
    index = searcher._index(next(iter(searcher._indexes._kept)))
    scores = np.asarray(index.embeddings) @ query
    best = np.argsort(-scores)[:10]
    assert [hit["image_id"] for hit in answer["hits"]] == index.ids[best].tolist()
    assert [hit["score"] for hit in answer["hits"]] == pytest.approx(
        scores[best].tolist(), abs=1e-5
    )
    assert answer["model"] == UNTRAINED
    assert answer["index"]["images"] == IMAGES
    assert answer["took_ms"] > 0


def test_an_image_of_the_dataset_as_query_finds_itself_first(
    world: Services, searcher: Searcher
) -> None:
    with world.readers() as session:
        image = session.query(Image).offset(5).first()
        assert image is not None
        key, image_id = image.key, image.id
    data = base64.b64encode(world.store.get_bytes(key)).decode()
    hits = ask(searcher, image_b64=data)["hits"]
    assert hits[0]["image_id"] == image_id
    assert hits[0]["score"] == pytest.approx(1, abs=1e-4)


def test_an_image_as_query_is_seen_upright_and_on_white_as_stored_ones_are() -> None:
    picture = PIL.Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    seen = read_image(file.getvalue(), max_pixels=200)
    assert seen.size == (10, 20)
    assert seen.getpixel((3, 3)) == (255, 255, 255)
    with pytest.raises(InvalidInput, match=r"20 x 10 = .* limit is 0.000199"):
        read_image(file.getvalue(), max_pixels=199)


def test_more_like_this_leaves_the_image_itself_out(searcher: Searcher) -> None:
    index = searcher._newest(DATASET, None)[1]
    image_id = int(index.ids[3])
    hits = ask(searcher, like=image_id, k=IMAGES)["hits"]
    assert len(hits) == IMAGES - 1
    assert image_id not in [hit["image_id"] for hit in hits]
    scores = np.asarray(index.embeddings) @ index.embedding_of(image_id)
    assert hits[0]["score"] == pytest.approx(np.sort(scores)[-2], abs=1e-5)


def test_a_dataset_without_an_index_says_how_to_get_one(
    world: Services, searcher: Searcher
) -> None:
    search_data.add_dataset(world, 1, "bare")
    error = ask(searcher, q="x", dataset_id="bare")["error"]
    assert error["code"] == "no_index"
    assert "index" in error["remedy"]
    error = ask(searcher, q="x", model_id="20260101-000000_mine")["error"]
    assert (error["code"], "mine" in error["message"]) == ("no_index", True)
    assert ask(searcher, q="x", dataset_id="nowhere")["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "request_", [{"q": "  "}, {"q": "x" * 3000}, {"image_b64": "%"}, {"image_b64": "aGk="}]
)
def test_a_query_that_is_none_is_refused_with_a_reason(searcher: Searcher, request_: dict) -> None:
    error = ask(searcher, **request_)["error"]
    assert error["code"] == "invalid_input"


def test_a_rebuilt_index_is_searched_at_once(tmp_path: Path) -> None:
    services = search_data.open_world(tmp_path)
    search_data.add_dataset(services, 6)
    search_data.add_index(services, UNTRAINED, UNTRAINED)
    searcher = Searcher(services)
    assert len(ask(searcher, q="a star", k=50)["hits"]) == 6
    first_prefix = searcher._newest(DATASET, None)[0].prefix
    with services.sessions() as session:
        extra = session.query(Image).first()
        assert extra is not None
        session.add(
            Image(
                dataset_id=DATASET, sha256="f" * 64, ext="png", filename="new.png", width=1, height=1,
                size_bytes=1, phash="0" * 16,
            )
        )  # fmt: skip
        new_key, data = (
            f"datasets/{DATASET}/images/{'f' * 64}.png",
            services.store.get_bytes(extra.key),
        )
    services.store.put_bytes(new_key, data)
    search_data.add_index(services, UNTRAINED, UNTRAINED)
    services.store.delete_prefix(first_prefix)
    assert len(ask(searcher, q="a star", k=50)["hits"]) == 7


def test_an_image_deleted_since_the_index_was_built_is_no_hit(tmp_path: Path) -> None:
    services = search_data.open_world(tmp_path)
    ids = search_data.add_dataset(services, 20)
    search_data.add_index(services, UNTRAINED, UNTRAINED)
    searcher = Searcher(services)
    best = [hit["image_id"] for hit in ask(searcher, q="a heart", k=8)["hits"]]
    with services.sessions() as session:
        session.query(Image).filter(Image.id.in_(best)).delete()
    left = [hit["image_id"] for hit in ask(searcher, q="a heart", k=8)["hits"]]
    assert len(left) == 8
    assert set(left) <= set(ids) - set(best)


def test_an_image_newer_than_the_index_can_still_ask_for_its_like(
    world: Services, searcher: Searcher
) -> None:
    with world.sessions() as session:
        old = session.query(Image).filter_by(dataset_id=DATASET).first()
        assert old is not None
        new = Image(
            dataset_id=DATASET, sha256="e" * 64, ext="png", filename="twin.png", width=1, height=1,
            size_bytes=1, phash="0" * 16,
        )  # fmt: skip
        session.add(new)
        session.flush()
        new_id, old_id, new_key, old_key = new.id, old.id, new.key, old.key
    world.store.put_bytes(new_key, world.store.get_bytes(old_key))
    assert ask(searcher, like=new_id)["hits"][0]["image_id"] == old_id
    assert ask(searcher, like=10**9)["error"]["code"] == "not_found"


def test_a_fine_tuned_model_is_loaded_from_its_folder_and_the_untrained_one_is_always_the_same(
    world: Services,
) -> None:
    models = SearchModels()
    mine = models.text(model_folder(world, "20260101-000000_mine"), "a dog")
    untrained = models.text(model_folder(world, UNTRAINED), "a dog")
    torch.manual_seed(99)
    again = SearchModels().text(model_folder(world, UNTRAINED), "a dog")
    assert np.linalg.norm(mine) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(mine, untrained, atol=1e-3)
    assert np.array_equal(untrained, again)


def test_cut_tokens_give_the_embedding_of_all_seventy_seven(world: Services) -> None:
    loaded = load_clip(UNTRAINED, weights_dir=world.settings.weights_dir)
    models = SearchModels()
    for text in ["a", "two blue squares on a grey background", "word " * 200]:
        with torch.inference_mode():
            whole = loaded.model.encode_text(loaded.tokenizer([text]), normalize=True)[0].numpy()
        assert np.abs(models.text(model_folder(world, UNTRAINED), text) - whole).max() < 1e-6


def test_a_query_asked_again_is_not_embedded_again(world: Services) -> None:
    models, source = SearchModels(), model_folder(world, UNTRAINED)
    first = models.text(source, "a  green   ring ")
    assert models.text(source, "a green ring") is first


def test_only_the_models_used_last_stay_warm(world: Services) -> None:
    models = SearchModels(warm=1)
    sources = [model_folder(world, name) for name in (UNTRAINED, "20260101-000000_mine")]
    for source in sources:
        models.text(source, "x")
    assert sources[0] not in models._models
    assert sources[1] in models._models


def test_an_unknown_model_and_missing_weights_each_have_a_remedy(
    world: Services, searcher: Searcher
) -> None:
    with world.sessions() as session:
        session.add(Model(id="gone", name="gone", architecture="x", folder="gone", created_by="a"))
    prefix = searcher._newest(DATASET, UNTRAINED)[0].prefix
    for model_id in ("gone", "never-made", "ViT-B-99/openai"):
        search_data.point_at(world, DATASET, model_id, prefix, IMAGES, 128)
        error = ask(searcher, q="x", model_id=model_id)["error"]
        assert error["code"] in ("not_found", "invalid_input")
        assert error["remedy"]


def test_index_and_model_come_from_a_store_elsewhere(tmp_path: Path, s3_url: str) -> None:
    services = search_data.open_world(tmp_path, store_url=s3_url)
    search_data.add_dataset(services, 5, "far")
    model_id = search_data.add_model(services, "20260102-000000_far", seed=1)
    made = services.settings.work_dir / "made" / model_id
    old = search_data.add_index(services, f"local-dir:{made}", model_id, "far")
    load_index(services, old)
    new = search_data.add_index(services, f"local-dir:{made}", model_id, "far")
    answer = ask(Searcher(services), dataset_id="far", q="a star")
    assert len(answer["hits"]) == 5
    assert not (services.settings.work_dir / old).exists()
    assert (services.settings.work_dir / new / "index.faiss").exists()


@pytest.fixture(autouse=True)
def quiet_models(world: Services) -> Iterator[None]:
    """Indexes that a test points elsewhere do not become the newest of the next test."""
    yield
    with world.sessions() as session:
        session.query(SearchIndex).filter(
            SearchIndex.dataset_id == DATASET, SearchIndex.model_id != UNTRAINED
        ).delete()
