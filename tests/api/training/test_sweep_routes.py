"""Runs made from others: clones and sweeps."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from common.db.tables import Model
from tests.api.conftest import Caller, Service
from tests.api.jobs.test_routes import ready, start

SMALL = "clip-browser-small"


def own_model(service: Service) -> str:
    model_id = "20261123-101010_cats"
    with service.services.sessions() as session:
        session.add(
            Model(
                id=model_id, name="Cats 1", architecture="ViT-B-32-quickgelu",
                folder=f"models_finetuned/{model_id}", created_by="ada", params={}, metrics={},
            )
        )  # fmt: skip
    return model_id


def test_a_clone_has_the_same_settings_but_those_that_are_changed(
    any_service: Service, call_any: Caller
) -> None:
    dataset, ben = ready(any_service, call_any), any_service.person("ben")
    job = start(call_any, dataset, "train", model=SMALL, epochs=7, batch_size=2, seed=3)
    path = f"/jobs/{job['id']}/clone"
    clone = ben("POST", path, 202, json={"params": {"lr": 0.002, "seed": None}})
    assert clone["id"] != job["id"]
    assert clone["created_by"] == "ben"
    assert clone["params"] == {**job["params"], "lr": 0.002, "seed": 0}
    assert call_any("POST", path, 202)["params"] == job["params"]
    other = call_any("POST", path, 202, json={"params": {"model": "ViT-L-14"}})["params"]
    assert (other["model"], other["pretrained"], other["epochs"]) == ("ViT-L-14", "openai", 7)
    assert "epochs" in call_any("POST", path, 400, json={"params": {"epochs": 0}})["message"]
    call_any("POST", path, 400, json={"params": {"colour": "red"}})


def test_other_kinds_are_cloned_too_unless_their_files_are_gone(
    service: Service, call: Caller
) -> None:
    dataset = ready(service, call)
    split = start(call, dataset, "split", seed=5)
    clone = call("POST", f"/jobs/{split['id']}/clone", 202, json={"params": {"val_fraction": 0.5}})
    assert (clone["kind"], clone["params"]["seed"]) == ("split", 5)
    ingest = service.finished(dataset, "ingest", {})
    assert "train" in call("POST", f"/jobs/{ingest}/clone", 409)["remedy"]


def test_a_clone_of_what_is_gone_says_what_is_missing(service: Service, call: Caller) -> None:
    dataset, base = ready(service, call), own_model(service)
    job = start(call, dataset, "train", pretrained=base)
    with service.services.sessions() as session:
        session.execute(delete(Model))
    path = f"/jobs/{job['id']}/clone"
    answer = call("POST", path, 409)
    assert base in answer["message"]
    assert "params.pretrained" in answer["remedy"]
    call("POST", path, 202, json={"params": {"pretrained": "openai"}})
    call("DELETE", f"/datasets/{dataset}", 204)
    assert "deleted dataset" in call("POST", path, 404)["remedy"]


def test_a_sweep_is_one_run_for_each_rate_and_one_persons_turn(
    any_service: Service, call_any: Caller
) -> None:
    dataset, ben = ready(any_service, call_any), any_service.person("ben")
    body = {"params": {"model": SMALL, "epochs": 3, "name": "night"}, "lr": [1e-4, 1e-3, 0.01]}
    sweep = call_any("POST", f"/datasets/{dataset}/sweep", 202, json=body)
    assert [job["params"]["lr"] for job in sweep["jobs"]] == [1e-4, 1e-3, 0.01]
    assert {job["group_id"] for job in sweep["jobs"]} == {sweep["group_id"]}
    assert sweep["jobs"][1]["params"]["name"] == "night lr 0.001"
    his = start(ben, dataset, "train", model=SMALL)
    assert his["queue_position"] == 2
    assert his["group_id"] is None
    listed = call_any("GET", f"/jobs?group_id={sweep['group_id']}")["items"]
    assert {job["id"] for job in listed} == {job["id"] for job in sweep["jobs"]}
    assert any_service.services.queue.depth("gpu") == 4


def test_an_automatic_sweep_is_around_the_rate_that_auto_would_use(
    service: Service, call: Caller
) -> None:
    dataset = ready(service, call)
    plan = call("GET", f"/datasets/{dataset}/train-plan?model={SMALL}")
    usual = plan["settings"]["lr"]["value"]
    body = {"params": {"model": SMALL, "lr": 0.5}, "lr": "auto"}
    sweep = call("POST", f"/datasets/{dataset}/sweep", 202, json=body)
    rates = [job["params"]["lr"] for job in sweep["jobs"]]
    assert rates == pytest.approx([usual / 3, usual, usual * 3], rel=0.05)


@pytest.mark.parametrize(
    "lr", [[1e-4], [1e-4] * 2, [0.0, 1e-4], [1e-4, 2.0], [1e-4, "x"], "fast", [i / 10 for i in range(1, 10)]]
)  # fmt: skip
def test_rates_that_do_not_fit_are_refused_and_no_run_is_queued(
    service: Service, call: Caller, lr: Any
) -> None:
    dataset = ready(service, call)
    call("POST", f"/datasets/{dataset}/sweep", 400, json={"params": {"model": SMALL}, "lr": lr})
    assert call("GET", "/queues/gpu")["waiting"] == []


def test_a_sweep_needs_a_split_and_fitting_settings(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    body = {"params": {"model": SMALL}, "lr": [1e-4, 1e-3]}
    assert call("POST", f"/datasets/{dataset}/sweep", 409, json=body)["code"] == "no_split"
    call("POST", "/datasets/nothing/sweep", 404, json=body)
    wrong = {"params": {"model": "ViT-X"}, "lr": [1e-4, 1e-3]}
    call("POST", f"/datasets/{ready(service, call)}/sweep", 400, json=wrong)
    assert call("GET", "/queues/gpu")["waiting"] == []
