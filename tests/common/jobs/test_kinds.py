"""The registry of job kinds: each entry is whole, and says what the contract says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from common.errors import InvalidInput
from common.jobs.kinds import JOB_QUEUES, KINDS, kind_of, kinds_of_step, offered_kinds

# What requests may leave out, as people's scripts rely on it.
CONTRACT = {
    "split": {"val_fraction": 0.2, "seed": 0, "group_near_duplicates": True},
    "augment": {"method": "synonyms", "per_caption": 3, "seed": 0, "llm_model": None},
    "train": {"model": "ViT-B-32", "batch_size": 32, "lr": "auto", "warmup": "auto", "seed": 0,
              "precision": "auto", "early_stopping": 0, "name": None},
    "index": {"model": None},
    "map": {"model": None},
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_title_queues_and_a_model_of_its_params(name: str) -> None:
    kind = KINDS[name]
    assert kind.name == name
    assert kind.title
    assert set(kind.queues) <= set(JOB_QUEUES)
    model = kind.params_model()
    assert model.__doc__
    assert model.model_config["extra"] in ("forbid", "allow")  # allow: kinds of tests


def test_people_start_the_kinds_of_the_contract_with_its_defaults() -> None:
    assert offered_kinds() == list(CONTRACT)
    for name, usual in CONTRACT.items():
        params = kind_of(name).params_model()().model_dump()
        assert {key: params[key] for key in usual} == usual


def test_a_language_models_paraphrases_need_the_queue_of_the_gpus() -> None:
    augment = kind_of("augment")
    assert augment.queue_of({"method": "llm"}) == "gpu"
    assert augment.queue_of({"method": "synonyms"}) == augment.queue_of({}) == "cpu"
    assert augment.queues == ("cpu", "gpu")


def test_a_step_has_its_kinds_and_an_unknown_kind_is_named() -> None:
    assert kinds_of_step("images") == ["ingest", "sample"]
    assert kinds_of_step("search") == []
    with pytest.raises(InvalidInput, match="no kind of job called 'trian'"):
        kind_of("trian")


def test_reading_the_registry_loads_no_pydantic_so_that_the_terminal_starts_at_once() -> None:
    look = "import sys, cli.main; cli.main.build_parser(['jobs']); print('pydantic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
