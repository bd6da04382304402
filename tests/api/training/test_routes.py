"""The plan of a training and its probe, over HTTP."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from common.db.tables import Job, Model, now
from tests.api.conftest import Caller, Service

GPU_WORKER = "clip-browser:worker:gpu@far"


def split(service: Service, call: Caller, images: int = 100) -> str:
    """A dataset whose captions were split."""
    dataset = call.dataset()
    service.add_images(dataset, 2, captioned=2)
    result = {"train_images": images, "val_images": 20, "train_rows": 4 * images, "caption_seq": 2}
    service.finished(dataset, "split", result)
    return dataset


def measured(service: Service, kind: str = "train", **facts: Any) -> str:
    """A run or probe that has told its pace; facts: of its result, or `params`."""
    params = {"model": "ViT-B-32", "batch_size": 32, "precision": "auto", **facts.pop("params", {})}
    result = {
        "samples_per_second": 100.0,
        "overhead_s": 10.0,
        "device": "the CPU (2 threads)",
        **facts,
    }
    with service.services.sessions() as session:
        job = Job(
            id=os.urandom(6).hex(), kind=kind, queue="gpu", state="succeeded", params=params,
            result=result, progress={}, created_by="ada", created_at=now(), finished_at=now(), notes=[],
        )  # fmt: skip
        session.add(job)
    return job.id


def announce_gpus(service: Service, count: int) -> None:
    """A worker on another machine that tells of its GPUs."""
    gpus = [{"index": n, "name": "NVIDIA H100", "memory_gb": 80.0} for n in range(count)]
    record = {
        "name": "gpu@far", "host": "far", "pid": 1, "queues": ["gpu"], "concurrency": 1, "gpus": gpus,
    }  # fmt: skip
    service.services.queue.redis.set(GPU_WORKER, json.dumps(record), ex=600)


def plan(call: Caller, dataset: str, expect: int = 200, **query: Any) -> Any:
    return call("GET", f"/datasets/{dataset}/train-plan", expect, query_string=query)


def test_the_plan_tells_everything_before_a_run(any_service: Service, call_any: Caller) -> None:
    dataset = split(any_service, call_any, images=1000)
    made = plan(call_any, dataset)
    settings = made["settings"]
    assert settings["epochs"] == {"value": 10, "auto": True, "why": settings["epochs"]["why"]}
    assert (settings["lr"]["value"], settings["warmup"]["value"]) == (1e-5, 31)
    assert (made["steps"], made["steps_per_epoch"], made["rows"]) == (310, 31, 4000)
    assert made["guide"]["hours"] == [1, 2]
    assert made["guide"]["memory_gb"] == 4
    assert (made["device"], made["device_name"], made["gpus"]) == ("cpu", "the CPU", 1)
    assert made["estimated_s"] is made["estimated_from"] is None
    assert plan(call_any, dataset, epochs="auto")["settings"]["epochs"]["auto"]
    assert not plan(call_any, dataset, epochs="4")["settings"]["epochs"]["auto"]


def test_time_is_told_by_the_newest_fitting_measurement_alone(
    any_service: Service, call_any: Caller
) -> None:
    dataset = split(any_service, call_any, images=1000)
    expected = measured(any_service, "probe", peak_memory_gb=4.5)
    measured(any_service, params={"model": "ViT-L-14"})
    measured(any_service, device="NVIDIA H100 (80 GB)")
    measured(any_service, gpus=2)
    measured(any_service, params={"precision": "amp_bf16"}, precision="amp_bf16")
    measured(any_service, samples_per_second=0)
    with any_service.services.sessions() as session:
        session.add(
            Job(id="old", kind="train", queue="gpu", state="succeeded", params={"model": "ViT-B-32"},
                result={"samples_per_second": 9.0}, progress={}, created_by="ada",
                created_at=now(), finished_at=now(), notes=[])
        )  # fmt: skip
    made = plan(call_any, dataset)
    assert made["estimated_from"]["job_id"] == expected
    assert made["estimated_from"]["source"] == "probe"
    assert made["estimated_s"] == pytest.approx(310 * 32 / 100 + 10, abs=0.1)
    assert made["memory_gb"] == 4.5
    newer = measured(any_service, samples_per_second=200.0, params={"batch_size": 64})
    assert plan(call_any, dataset)["estimated_from"]["job_id"] == expected  # the same batch size
    other = plan(call_any, dataset, batch_size="64")
    assert (other["estimated_from"]["job_id"], other["estimated_from"]["source"]) == (newer, "run")


def test_the_gpus_that_the_workers_tell_of_count(service: Service, call: Caller) -> None:
    dataset = split(service, call, images=1000)
    announce_gpus(service, 2)
    try:
        expected = measured(service, device="NVIDIA H100 (86 GB)", device_name="NVIDIA H100")
        measured(service)
        made = plan(call, dataset)
        assert (made["device"], made["device_name"]) == ("cuda", "NVIDIA H100")
        assert made["estimated_from"]["job_id"] == expected
        assert made["memory_note"] == "The batch fits the 86 GB of the GPU."
        assert not any("GPUs" in warning for warning in plan(call, dataset, gpus="2")["warnings"])
        assert any(
            "asks for 3 GPUs" in warning for warning in plan(call, dataset, gpus="3")["warnings"]
        )
        assert plan(call, dataset, gpus="2")["estimated_from"] is None
        parted = plan(call, dataset, model="ViT-H-14", batch_size="512")
        assert parted["settings"]["batch_size"]["value"] == 512
        assert parted["fit"]["gradient_checkpointing"]
        assert parted["memory_gb"] <= 86
    finally:
        service.services.queue.redis.delete(GPU_WORKER)


BAD = {
    "epochs": ["0", "1001", "-1", "2.5", "nan", "1e400", "many", "true", "[1]"],
    "batch_size": ["0", "1", "8193", "-32", "32.5", "NaN", "null", "9" * 40],
    "lr": ["0", "-1", "1.01", "nan", "NaN", "inf", "Infinity", "1e400", "fast", "true", "null"],
    "warmup": ["-1", "10000001", "0.5", "NaN", "null"],
    "weight_decay": ["-0.1", "11", "nan", "NaN", "null", '"0.1"'],
    "precision": ["fp8", ""],
    "seed": ["-1", "2147483648", "0.5", "null"],
    "early_stopping": ["-1", "1001", "0.5", "NaN", "yes"],
    "gpus": ["0", "17", "-1", "1.5", "true", "null"],
}


@pytest.mark.parametrize("field", BAD)
def test_a_number_out_of_range_is_named_with_its_range_by_the_plan(
    service: Service, call: Caller, field: str
) -> None:
    dataset = split(service, call)
    for text in BAD[field]:
        problem = plan(call, dataset, 400, **{field: text})
        assert problem["code"] == "invalid_input", text
        assert problem["message"].startswith(f"{field} is "), text
        assert "it must be" in problem["message"], text
        assert problem["details"]["fields"][0]["field"] == field


def test_numbers_out_of_range_are_refused_by_the_job_as_well(
    service: Service, call: Caller
) -> None:
    dataset = split(service, call)
    for words in ('{"lr": NaN}', '{"lr": 1e400}', '{"epochs": true}', '{"gpus": "2"}', '{"seed": null}',
                  '{"batch_size": 1' + "0" * 5000 + "}", '{"weight_decay": -Infinity}'):  # fmt: skip
        body = f'{{"kind": "train", "params": {words}}}'
        answer = call(
            "POST", f"/datasets/{dataset}/jobs", 400, data=body,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert answer["code"] == "invalid_input"
        assert len(answer["message"]) < 400
    assert [job["kind"] for job in call("GET", "/jobs")["items"]] == ["split"]


def test_a_probe_is_queued_once_with_the_batch_that_the_run_would_have(
    any_service: Service, call_any: Caller
) -> None:
    dataset = split(any_service, call_any)
    body = {"params": {"batch_size": "auto", "name": "mine"}}
    job = call_any("POST", f"/datasets/{dataset}/train-probe", 202, json=body)["job"]
    assert (job["kind"], job["queue"], job["state"]) == ("probe", "gpu", "queued")
    assert (job["params"]["batch_size"], job["params"]["epochs"]) == (16, 10)
    assert "name" not in job["params"]
    again = call_any(
        "POST", f"/datasets/{dataset}/train-probe", 202, json={"params": {"batch_size": 16}}
    )
    assert again["job"]["id"] == job["id"]
    other = call_any(
        "POST", f"/datasets/{dataset}/train-probe", 202, json={"params": {"batch_size": 8}}
    )
    assert other["job"]["id"] != job["id"]
    bad = call_any("POST", f"/datasets/{dataset}/train-probe", 400, json={"params": {"gpus": 99}})
    assert "gpus is 99; it must be a whole number from 1 to 16" in bad["message"]
    call_any("POST", "/datasets/nowhere/train-probe", 404, json={})
    unsplit = call_any.dataset("Unsplit")
    call_any("POST", f"/datasets/{unsplit}/train-probe", 202, json={"params": {}})


def test_an_architecture_outside_the_catalogue_is_trained_on_with_a_rate_of_its_size(
    service: Service, call: Caller
) -> None:
    dataset = split(service, call)
    with service.services.sessions() as session:
        session.add(
            Model(id="in", name="in", architecture="ViT-X-9", pretrained="", source="imported",
                  folder="models_finetuned/in", created_by="ada", params={"parameters": 900_000_000},
                  metrics={})
        )  # fmt: skip
    made = plan(call, dataset, pretrained="in")
    assert (made["settings"]["model"], made["settings"]["lr"]["value"]) == ("ViT-X-9", 5e-6)
    assert made["memory_gb"] is made["guide"] is made["fit"] is None
    body = {"kind": "train", "params": {"pretrained": "in"}}
    job = call("POST", f"/datasets/{dataset}/jobs", 202, json=body)
    assert (job["params"]["model"], job["params"]["pretrained"]) == ("ViT-X-9", "in")
    plan(call, dataset, 400, pretrained="in", model="ViT-B-32")
    plan(call, dataset, 400, model="ViT-X-9")
