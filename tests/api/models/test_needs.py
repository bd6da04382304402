"""A model that somebody else's dataset or job needs: who may delete it, and what is told of whose it is."""

from __future__ import annotations

from typing import Any

import pytest

from common.db.tables import AuditEvent, Dataset, Job, SearchIndex, now
from tests.api.conftest import Caller, Service
from tests.api.models.test_routes import OWN, trained

SECRET = "secret-finds"


class Scene:
    """mona manages the dataset of a model, and does not see another one, which `use` makes need the model."""

    def __init__(self, service: Service, call: Caller) -> None:
        self.service, self.call = service, call
        self.dataset = call.dataset()
        trained(service, self.dataset)
        assert call.dataset("Secret finds", everyone=None) == SECRET
        self.mona = service.person("mona")
        self.member(self.dataset, "manager")

    def member(self, dataset: str, role: str) -> None:
        self.call("PUT", f"/datasets/{dataset}/members/mona", json={"role": role})

    def use(self, how: str) -> None:
        with self.service.services.sessions() as session:
            if how == "choice":
                session.get_one(Dataset, SECRET).model_id = OWN
            elif how == "index":
                session.add(_index(OWN))
            else:
                session.add(
                    Job(
                        id="5ec4e7", kind="train", queue="gpu", state="running", dataset_id=SECRET,
                        params={"model": "ViT-B-32", "pretrained": OWN}, created_by="admin",
                    )
                )  # fmt: skip

    def refused(self) -> dict[str, Any]:
        """What mona is told, also when she insists."""
        told: dict[str, Any] = self.mona("DELETE", f"/models/{OWN}", 409)
        assert self.mona("DELETE", f"/models/{OWN}?force=1&confirm=Cats 1", 409) == told
        self.mona("GET", f"/models/{OWN}")
        return told


def _index(model_id: str) -> SearchIndex:
    return SearchIndex(
        dataset_id=SECRET, model_id=model_id, prefix=f"indexes/{SECRET}/{model_id}/1", images=1,
        dim=4, created_at=now(),
    )  # fmt: skip


@pytest.fixture
def scene(any_service: Service, call_any: Caller) -> Scene:
    return Scene(any_service, call_any)


@pytest.mark.parametrize("how", ["index", "choice", "job"])
def test_a_model_that_somebody_elses_dataset_needs_stays_and_no_name_of_it_is_told(
    scene: Scene, how: str
) -> None:
    scene.use(how)
    told = scene.refused()
    assert "secret" not in str(told).lower()
    assert "5ec4e7" not in str(told)
    assert "another " in told["message"]
    assert told["details"]["others"] == 1
    assert "Administrators" in told["remedy"]
    scene.call("DELETE", f"/models/{OWN}?force=1", 204)


def test_a_dataset_that_one_sees_and_does_not_manage_is_named(scene: Scene) -> None:
    scene.use("index")
    scene.member(SECRET, "captioner")
    assert SECRET in scene.refused()["message"]
    scene.member(SECRET, "manager")
    scene.mona("DELETE", f"/models/{OWN}?force=1", 204)
    assert scene.call("GET", f"/datasets/{SECRET}/indexes")["items"] == []


def test_a_dataset_lets_a_model_go_by_being_searched_with_another_one(scene: Scene) -> None:
    scene.use("index")
    with scene.service.services.sessions() as session:
        session.add(_index("ViT-B-32/openai"))
    told = scene.mona("DELETE", f"/models/{OWN}", 409)
    assert "secret" not in str(told).lower()
    scene.mona("DELETE", f"/models/{OWN}?force=1", 204)
    scene.mona("POST", f"/trash/models/{OWN}/restore")
    assert len(scene.call("GET", f"/datasets/{SECRET}/indexes")["items"]) == 2


def test_the_audit_log_says_how_many_datasets_used_a_model_and_not_which(scene: Scene) -> None:
    scene.use("index")
    scene.call("DELETE", f"/models/{OWN}?force=1", 204)
    scene.call("POST", f"/trash/models/{OWN}/restore")
    scene.member(scene.dataset, "owner")
    told = scene.mona("GET", f"/audit?dataset_id={scene.dataset}")["items"]
    assert {"model.delete", "trash.restore"} <= {each["act"] for each in told}
    assert "secret" not in str(told).lower()
    with scene.service.services.readers() as session:
        [event] = session.query(AuditEvent).filter_by(act="model.delete")
        assert event.details["datasets"] == 2
