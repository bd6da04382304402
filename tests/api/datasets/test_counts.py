"""Counts of images: always right, and counted only after a change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, event

from common.datasets.changes import touch_dataset
from common.db.tables import Dataset, Image
from tests.api.conftest import Caller, Service


@contextmanager
def counted(service: Service) -> Iterator[list[str]]:
    """The statements that count images."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "count(*)" in statement and "FROM images" in statement:
            statements.append(statement)

    event.listen(service.engine, "before_cursor_execute", note)
    yield statements
    event.remove(service.engine, "before_cursor_execute", note)


def add_another(service: Service, dataset: str) -> None:
    """One more image, without a caption."""
    with service.services.sessions() as session:
        session.add(
            Image(
                dataset_id=dataset, sha256="f" * 64, ext="png", filename="more.png", width=6, height=4,
                size_bytes=9, phash="f" * 16,
            )
        )  # fmt: skip


def test_images_are_counted_again_only_after_a_change(
    any_service: Service, call_any: Caller
) -> None:
    datasets = [call_any.dataset(), call_any.dataset()]
    for dataset in datasets:
        any_service.add_images(dataset, 6, captioned=2)
    before = call_any("GET", "/datasets")["items"]
    assert [each["counts"]["images"] for each in before] == [6, 6]
    with counted(any_service) as statements:
        for _ in range(3):
            assert call_any("GET", "/datasets")["items"] == before
            assert call_any("GET", f"/datasets/{datasets[0]}") in before
        assert statements == []
        add_another(any_service, datasets[0])
        call_any("GET", "/datasets")
        assert len(statements) == 1  # of the one that has changed


def test_a_caption_has_only_those_counted_that_wait_for_one(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    images = any_service.add_images(dataset, 6, captioned=2)
    call_any("GET", f"/datasets/{dataset}")
    with counted(any_service) as statements:
        any_service.save(images[3], "a caption")
        counts = call_any("GET", f"/datasets/{dataset}")["counts"]
        assert (counts["images"], counts["captioned"]) == (6, 3)
        [statement] = statements
        assert statement.count("count(*)") == 1
        assert "is_captioned" in statement


def test_counts_are_right_after_each_kind_of_change(any_service: Service, call_any: Caller) -> None:
    """Each reads twice: a count that is kept and one that is not."""
    dataset = call_any.dataset()

    def counts() -> tuple[int, int]:
        [item] = call_any("GET", "/datasets")["items"]
        assert item == call_any("GET", f"/datasets/{dataset}")
        with any_service.services.readers() as session:
            all_of_them = session.query(Image).filter(Image.dataset_id == dataset).all()
        captioned = sum(image.is_captioned for image in all_of_them)
        found = (item["counts"]["images"], item["counts"]["captioned"])
        assert found == (len(all_of_them), captioned)
        return found

    assert counts() == (0, 0)
    images = any_service.add_images(dataset, 8, captioned=4)
    assert counts() == (8, 4)
    any_service.save(images[7], "a caption")
    assert counts() == (8, 5)
    any_service.save(images[7], None, base=1)
    assert counts() == (8, 4)
    call_any("DELETE", f"/images/{images[5]}", 204)  # neither the newest nor captioned
    assert counts() == (7, 4)
    call_any("POST", f"/datasets/{dataset}/images/delete", json={"image_ids": images[:2]})
    assert counts() == (5, 2)
    call_any("DELETE", f"/images/{images[7]}", 204)  # the newest
    add_another(any_service, dataset)
    assert counts() == (5, 2)
    call_any("DELETE", f"/datasets/{dataset}", 204)


def test_a_removal_between_the_look_at_the_marks_and_the_count_is_counted(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    images = any_service.add_images(dataset, 5, captioned=3)
    call_any("GET", f"/datasets/{dataset}")
    with any_service.services.sessions() as session:
        touch_dataset(session, dataset)
    remover = Caller(any_service.app.test_client(), any_service.admin_token)
    removed: list[int] = []

    def remove(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "count(*)" in statement and not removed:
            removed.append(images[4])
            remover("DELETE", f"/images/{images[4]}", 204)

    event.listen(any_service.engine, "before_cursor_execute", remove)
    counts = call_any("GET", f"/datasets/{dataset}")["counts"]
    event.remove(any_service.engine, "before_cursor_execute", remove)
    later = call_any("GET", f"/datasets/{dataset}")["counts"]
    assert removed
    assert (later["images"], later["captioned"]) == (4, 3)
    assert counts["captioned"] == 3  # of one moment, whichever


def test_each_removal_is_noted_with_the_images(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    images = any_service.add_images(dataset, 3)
    call_any("DELETE", f"/images/{images[0]}", 204)
    call_any("POST", f"/datasets/{dataset}/images/delete", json={"image_ids": images[1:2]})
    with any_service.services.readers() as session:
        noted = session.get_one(Dataset, dataset)
        assert (noted.images_seq, noted.caption_seq >= 2) == (2, True)


def test_a_dataset_that_was_deleted_meanwhile_has_no_images(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    any_service.add_images(dataset, 2)
    counts = any_service.services.image_counts
    with any_service.services.sessions() as session:
        assert counts.read(session, dataset).images == 2
        session.execute(delete(Dataset).where(Dataset.id == dataset))
        assert counts.read(session, dataset).images == 0
        assert counts.read(session, "never there").images == 0
