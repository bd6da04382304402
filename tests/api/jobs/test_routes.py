"""Jobs: what may be asked for, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.db.tables import Dataset, JobMetric, Model
from common.jobs import reports
from common.settings import Settings
from tests.api.conftest import Caller, Service
from tests.servers import redis_server


def ready(service: Service, call: Caller) -> str:
    """A dataset with captions and a split."""
    dataset = call.dataset(everyone="manager")
    service.add_images(dataset, 5, captioned=5)
    result = {"train_images": 4, "val_images": 1, "train_rows": 4, "val_rows": 1, "caption_seq": 5}
    service.finished(dataset, "split", result)
    return dataset


def start(
    call: Caller, dataset: str, kind: str, expect: int = 202, after: str = "", **params: Any
) -> Any:
    body = {"kind": kind, "params": params} | ({"after_job_id": after} if after else {})
    return call("POST", f"/datasets/{dataset}/jobs", expect, json=body)


def test_stored_parameters_are_complete(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    assert start(call, dataset, "split", seed=3)["params"] == {
        "val_fraction": 0.2, "seed": 3, "group_near_duplicates": True,
        "near_duplicate_method": "auto", "stratify": "none",
    }  # fmt: skip
    assert start(call, dataset, "augment")["params"] == {
        "method": "synonyms", "per_caption": 3, "seed": 0,
    }  # fmt: skip
    assert start(call, dataset, "index", model="ViT-B-32")["params"] == {"model": "ViT-B-32/openai"}
    trained = start(call, dataset, "train", batch_size=16)["params"]
    assert trained["model"] == "ViT-B-32"
    assert trained["pretrained"] == "openai"
    assert (trained["epochs"], trained["batch_size"], trained["lr"]) == (10, 16, "auto")


def test_the_datasets_defaults_fill_what_is_left_out(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    with service.services.sessions() as session:
        usual = {"model": "clip-browser-small", "pretrained": "", "epochs": 7, "batch_size": "auto"}
        session.get_one(Dataset, dataset).defaults = {"train": usual}
    trained = start(call, dataset, "train", lr=0.01)["params"]
    assert (trained["model"], trained["epochs"], trained["lr"]) == ("clip-browser-small", 7, 0.01)
    other = start(call, dataset, "train", model="ViT-L-14")["params"]
    assert (other["pretrained"], other["epochs"], other["batch_size"]) == ("openai", 10, 32)
    plan = call("GET", f"/datasets/{dataset}/train-plan")
    assert plan["settings"]["model"] == "clip-browser-small"
    assert plan["defaults"]["epochs"] == 7
    assert plan["defaults_why"] == "set for Cats"


@pytest.mark.parametrize(
    ("kind", "params", "said"),
    [
        ("split", {"val_fraction": 2}, "params.val_fraction"),
        ("split", {"val_fraction": float("inf")}, "Infinity is no number"),
        ("split", {"fraction": 0.2}, "params.fraction"),
        ("augment", {"method": "magic"}, "params.method"),
        ("augment", {"per_caption": 1000}, "params.per_caption"),
        ("train", {"epochs": 0}, "epochs"),
        ("train", {"lr": -1}, "lr"),
        ("train", {"colour": "red"}, "colour"),
        ("train", {"model": "ViT-X-99"}, "ViT-X-99"),
        ("train", {"pretrained": "nobody"}, "nobody"),
        ("index", {"model": "ViT-X-99"}, "ViT-X-99"),
        ("index", {}, "params.model"),
        ("map", {"model": "nope"}, "nope"),
    ],
)
def test_parameters_that_do_not_fit_are_named(
    service: Service, call: Caller, kind: str, params: dict[str, Any], said: str
) -> None:
    dataset = ready(service, call)
    answer = start(call, dataset, kind, 400, **params)
    assert answer["code"] == "invalid_input"
    assert said in answer["message"]


def test_an_unknown_model_is_answered_with_those_there_are(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    assert "ViT-B-32/openai" in start(call, dataset, "index", 400, model="x")["remedy"]
    assert "ViT-B-32" in start(call, dataset, "train", 400, model="x")["remedy"]


def test_a_step_too_early_says_what_comes_first(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    assert start(call_any, dataset, "split", 409)["code"] == "no_captions"
    assert "No index.csv found" in start(call_any, dataset, "split", 409)["message"]
    assert start(call_any, dataset, "train", 409)["code"] == "no_split"
    assert start(call_any, dataset, "augment", 409)["code"] == "no_split"
    assert "no images" in start(call_any, dataset, "index", 409, model="ViT-B-32/openai")["message"]
    assert start(call_any, dataset, "map", 409)["code"] == "no_index"
    assert call_any("GET", f"/datasets/{dataset}/train-plan", 409)["code"] == "no_split"
    assert call_any("GET", "/jobs")["items"] == []


def test_a_whole_chain_can_be_queued_at_once(any_service: Service, call_any: Caller) -> None:
    made = call_any("POST", "/datasets/sample", 202, json={})
    dataset, before = made["dataset"]["id"], made["job"]["id"]
    for kind, params in (
        ("split", {}), ("augment", {}), ("train", {"model": "clip-browser-small"}),
    ):  # fmt: skip
        job = start(call_any, dataset, kind, after=before, **params)
        assert job["after_job_id"] == before
        before = job["id"]
    depth = any_service.services.queue.depth
    assert (depth("cpu"), depth("gpu")) == (1, 0)
    start(call_any, dataset, "split", 404, after="nobody")


def test_jobs_are_listed_newest_first_and_filtered(any_service: Service, call_any: Caller) -> None:
    dataset = ready(any_service, call_any)
    ids = [start(call_any, dataset, kind)["id"] for kind in ("split", "augment", "train")]

    def listed(query: str) -> list[str]:
        return [job["id"] for job in call_any("GET", f"/jobs?{query}")["items"]]

    assert listed("state=active") == ids[::-1]
    assert listed("kind=augment") == [ids[1]]
    assert len(listed(f"dataset_id={dataset}")) == 4
    page = call_any("GET", "/jobs?limit=3")
    assert listed(f"limit=3&cursor={page['next_cursor']}") == [
        job["id"] for job in call_any("GET", "/jobs?state=succeeded")["items"]
    ]


def test_a_queued_job_is_stopped_at_once_and_can_be_done_again(
    any_service: Service, call_any: Caller
) -> None:
    dataset = ready(any_service, call_any)
    job = start(call_any, dataset, "train")
    stopped = call_any("POST", f"/jobs/{job['id']}/stop", 202, json={"mode": "save"})
    assert (stopped["state"], stopped["resumable"]) == ("stopped", True)
    assert stopped["seq"] > job["seq"]
    call_any("POST", f"/jobs/{job['id']}/stop", 409)
    assert call_any("POST", f"/jobs/{job['id']}/resume", 202)["state"] == "queued"
    call_any("POST", f"/jobs/{job['id']}/resume", 409)
    call_any("POST", f"/jobs/{job['id']}/stop", 202)
    assert call_any("POST", f"/jobs/{job['id']}/retry", 202)["state"] == "queued"
    call_any("POST", f"/jobs/{job['id']}/stop", 400, json={"mode": "gently"})


def test_a_split_is_retried_but_not_resumed(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    job_id = service.finished(dataset, "split", {}, state="failed")
    assert "Retry" in call("POST", f"/jobs/{job_id}/resume", 409)["remedy"]
    call("POST", f"/jobs/{job_id}/retry", 202)


def test_priority_moves_a_queued_job(any_service: Service, call_any: Caller) -> None:
    dataset = ready(any_service, call_any)
    first, second = (start(call_any, dataset, "train") for _ in range(2))
    assert second["queue_position"] == 2
    moved = call_any("PATCH", f"/jobs/{second['id']}", 202, json={"priority": 0})
    assert (moved["queue_position"], moved["priority"]) == (1, 0)
    assert call_any("GET", f"/jobs/{first['id']}")["queue_position"] == 2
    call_any("PATCH", f"/jobs/{second['id']}", 400, json={"priority": 10})
    call_any("POST", f"/jobs/{second['id']}/stop", 202)
    call_any("PATCH", f"/jobs/{second['id']}", 409, json={"priority": 1})


def test_log_and_metrics_are_read_from_where_one_left_off(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    job_id = start(call, dataset, "train")["id"]
    with service.services.sessions() as session:
        reports.append_log(session, job_id, "epoch 1 – début\n")
        reports.append_log(session, job_id, "epoch 2\n")
        session.add(JobMetric(job_id=job_id, name="train/loss", step=1, epoch=0.5, value=2.5))
    whole = call.raw("GET", f"/jobs/{job_id}/log")
    assert whole.get_data(as_text=True) == "epoch 1 – début\nepoch 2\n"
    assert whole.mimetype == "text/plain"
    assert whole.headers["X-Next-Offset"] == "24"
    assert call("GET", f"/jobs/{job_id}/log?offset=16") == b"epoch 2\n"
    [point] = call("GET", f"/jobs/{job_id}/metrics")["train/loss"]
    assert (point["step"], point["epoch"], point["value"]) == (1, 0.5, 2.5)


def test_a_training_goes_on_from_an_own_model(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    with service.services.sessions() as session:
        session.add(
            Model(
                id="20261123-101010_cats", name="Cats 1", architecture="ViT-B-32-quickgelu",
                folder="models_finetuned/20261123-101010_cats", created_by="ada", params={}, metrics={},
            )
        )  # fmt: skip
    trained = start(call, dataset, "train", pretrained="20261123-101010_cats")["params"]
    assert (trained["model"], trained["pretrained"]) == ("ViT-B-32", "20261123-101010_cats")
    start(call, dataset, "train", 400, pretrained="20261123-101010_cats", model="ViT-L-14")


def test_a_batch_above_the_images_is_corrected_and_said_so(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    plan = call(
        "GET", f"/datasets/{dataset}/train-plan?batch_size=64&model=clip-browser-small&lr=auto"
    )
    assert plan["settings"]["batch_size"]["value"] == 4
    assert any("64" in warning for warning in plan["warnings"])
    assert plan["device"] == "cpu"
    call("GET", f"/datasets/{dataset}/train-plan?lr=fast", 400)
    call("GET", f"/datasets/{dataset}/train-plan?lr=nan", 400)


def test_without_redis_a_job_stays_queued_and_the_call_succeeds(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    web = tmp_path / "none"
    with redis_server(folder) as redis:
        service = Service(settings.model_copy(update={"redis_url": redis.url}), web)
        call = Caller(service.app.test_client(), service.admin_token)
        dataset = ready(service, call)
        redis.stop()
        job = start(call, dataset, "split")
        assert (job["state"], job["queue_position"]) == ("queued", 1)
        assert call("POST", f"/jobs/{job['id']}/stop", 202)["state"] == "stopped"
        ready_answer = call("GET", "/readyz", 503)
        assert (ready_answer["redis"]["ok"], ready_answer["database"]["ok"]) == (False, True)
        image_id = 1
        save = {"text": "x", "base_revision": 0, "client_id": "c"}
        assert (
            call("PUT", f"/images/{image_id}/caption", 503, json=save)["code"]
            == "queue_unavailable"
        )
        assert call("GET", "/system")["redis"]["ok"] is False
        call("GET", "/metrics")
        assert call("GET", "/datasets")["items"]
        redis.start()
        call("PUT", f"/images/{image_id}/caption", 202, json=save)


CHANGES: list[tuple[str, str, dict[str, object]]] = [
    ("POST", "/stop", {"mode": "kill"}),
    ("POST", "/resume", {}),
    ("POST", "/retry", {}),
    ("PATCH", "", {"priority": 7}),
]


def test_managers_change_all_jobs_of_a_dataset_and_others_may_stop_and_move_their_own(
    any_service: Service, call_any: Caller
) -> None:
    dataset = ready(any_service, call_any)
    eve, bob = any_service.person("eve"), any_service.person("bob")
    mine = start(eve, dataset, "train")
    everything = ["stop", "resume", "retry", "move"]
    assert mine["may"] == everything
    assert bob("GET", f"/jobs/{mine['id']}")["may"] == everything
    call_any("PUT", f"/datasets/{dataset}/everyone", json={"role": "captioner"})
    assert eve("GET", f"/jobs/{mine['id']}")["may"] == ["stop", "move"]
    assert bob("GET", f"/jobs/{mine['id']}")["may"] == []
    assert call_any("GET", "/jobs?state=active")["items"][0]["may"] == everything
    for method, path, body in CHANGES:
        refused = bob(method, f"/jobs/{mine['id']}{path}", 403, json=body)
        assert refused["code"] == "forbidden"
        assert (
            refused["message"] == "You are a captioner of this dataset, and this needs a manager."
        )
        assert refused["details"] == {"role": "captioner", "needed": "manager"}
    assert eve("GET", f"/jobs/{mine['id']}")["state"] == "queued"
    assert eve("POST", f"/jobs/{mine['id']}/stop", 202)["state"] == "stopped"
    for path in ("resume", "retry"):
        for captioner in (bob, eve):
            captioner("POST", f"/jobs/{mine['id']}/{path}", 403)
    assert call_any("POST", f"/jobs/{mine['id']}/retry", 202)["state"] == "queued"


def test_every_route_that_changes_a_job_asks_for_the_right(service: Service, call: Caller) -> None:
    """A route that is added to these must be brought under the rule, and into CHANGES."""
    paths = call("GET", "/openapi.json")["paths"]
    changing = {
        (method.upper(), path.partition("{job_id}")[2])
        for path, methods in paths.items()
        if path.startswith("/api/v1/jobs/{job_id}")
        for method in methods
        if method in ("post", "put", "patch", "delete")
    }
    starts_ones_own = {("POST", "/clone"), ("POST", "/undo")}
    assert changing - starts_ones_own == {(method, path) for method, path, _ in CHANGES}


def test_the_language_model_is_for_administrators_to_choose(service: Service, call: Caller) -> None:
    dataset = call.dataset(everyone="manager")
    service.add_images(dataset, 4, captioned=4)
    service.finished(dataset, "split", {"train_rows": 3, "train_images": 3, "val_images": 1})
    ben = service.person("ben")
    named = {"kind": "augment", "params": {"method": "llm", "llm_model": "/etc"}}
    assert ben("POST", f"/datasets/{dataset}/jobs", 403, json=named)["code"] == "forbidden"
    usual = {"kind": "augment", "params": {"method": "llm", "llm_model": None}}
    own = ben("POST", f"/datasets/{dataset}/jobs", 202, json=usual)["id"]
    ben("POST", f"/jobs/{own}/clone", 403, json={"params": {"llm_model": "http://10.0.0.1/"}})
    of_admin = call("POST", f"/datasets/{dataset}/jobs", 202, json=named)
    assert of_admin["params"]["llm_model"] == "/etc"
    clone = ben("POST", f"/jobs/{of_admin['id']}/clone", 202, json={"params": {"seed": 2}})
    assert clone["params"]["llm_model"] == "/etc"
