"""The kinds of jobs in the API's document, and what requests may name of them."""

from __future__ import annotations

from common.jobs.kinds import KINDS, offered_kinds
from tests.api.conftest import Caller


def test_the_document_names_each_kind_with_its_params_and_their_defaults(call: Caller) -> None:
    document = call("GET", "/openapi.json")
    schemas, told = document["components"]["schemas"], document["x-job-kinds"]
    assert [kind["name"] for kind in told] == list(KINDS)
    for kind in told:
        assert kind["title"] == KINDS[kind["name"]].title
        fields = KINDS[kind["name"]].params_model().model_fields
        assert schemas[kind["params"]]["properties"].keys() == fields.keys()
    assert [kind["name"] for kind in told if kind["about"]] == offered_kinds()
    assert schemas["NewJob"]["properties"]["kind"]["enum"] == offered_kinds()
    assert schemas["params_split"]["properties"]["val_fraction"]["default"] == 0.2
    train = schemas["params_train"]["properties"]
    assert train["weight_decay"]["minimum"] == 0
    assert {"minimum": 1, "maximum": 1000, "type": "integer"} in train["epochs"]["anyOf"]
    assert "StoredUpload" in schemas


def test_only_kinds_that_people_may_ask_for_are_started_by_name(call: Caller) -> None:
    dataset = call.dataset()
    for kind in sorted({*KINDS, "nap"} - set(offered_kinds())):
        answer = call("POST", f"/datasets/{dataset}/jobs", 400, json={"kind": kind})
        assert answer["message"].startswith(
            "kind: it should be split, augment, train, index or map"
        )
