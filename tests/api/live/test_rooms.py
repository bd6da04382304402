"""Who may join which room, and who hears what is told there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.live.rooms import Audience
from common.people.rights import ROLES
from tests.api.conftest import Caller, Service, wait_until
from tests.api.serving import Browser


@pytest.fixture
def call(served: Service) -> Caller:
    """The administrator."""
    return Caller(served.app.test_client(), served.admin_token)


@pytest.fixture
def secret(served: Service, call: Caller) -> tuple[str, str]:
    """A dataset that is not for everybody, and a job of it."""
    dataset = call.dataset("Secret", everyone=None)
    return dataset, served.finished(dataset, "train", {})


def joined(tab: Browser, room: str) -> bool:
    snapshot = tab.subscribe(room)["snapshots"][room]
    return not snapshot.get("error")  # a job has one, too: null


@pytest.fixture
def somebody(served: Service) -> Callable[[str], Caller]:
    """A person by a name that no other test has used."""
    number = iter(range(1000))

    def make(name: str) -> Caller:
        return served.person(f"{name} {next(number)} {id(number)}")

    return make


def name_of(person: Caller) -> str:
    return str(person("GET", "/auth/me")["user"]["name"])


def test_each_role_joins_the_rooms_of_its_dataset_and_a_stranger_none(
    call: Caller, secret: tuple[str, str], somebody: Any, browse: Callable[..., Browser]
) -> None:
    dataset, job = secret
    for role in ROLES:
        person = somebody(role)
        path = f"/datasets/{dataset}/members/{name_of(person)}"
        call("PUT", path, json={"role": role})
        tab = browse(person.token)
        assert [joined(tab, room) for room in (f"dataset:{dataset}", f"job:{job}", "jobs")] == [
            True, True, True,
        ]  # fmt: skip
    stranger = browse(somebody("stranger").token)
    assert [joined(stranger, room) for room in (f"dataset:{dataset}", f"job:{job}")] == [False] * 2
    refused = stranger.subscribe(f"job:{job}")["snapshots"][f"job:{job}"]["error"]
    assert refused["message"] == f"There is no job {job}."


@pytest.mark.parametrize("batched", [False, True])
def test_of_jobs_everybody_hears_of_those_that_he_sees(
    served: Service, call: Caller, secret: tuple[str, str], somebody: Any,
    browse: Callable[..., Browser], batched: bool,
) -> None:  # fmt: skip
    dataset, _ = secret
    member, stranger = somebody("member"), somebody("stranger")
    call("PUT", f"/datasets/{dataset}/members/{name_of(member)}", json={"role": "viewer"})
    served.add_images(dataset, 2, captioned=2)
    open_one = call.dataset("Open")
    served.add_images(open_one, 2, captioned=2)
    tabs = [browse(each) for each in (served.admin_token, member.token, stranger.token)]
    for tab in tabs:
        tab.subscribe("jobs", batched=batched)
    hidden = call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"})["id"]
    shown = call("POST", f"/datasets/{open_one}/jobs", 202, json={"kind": "split"})["id"]
    assert [_jobs_until(tab, shown, batched) for tab in tabs] == [
        {hidden, shown}, {hidden, shown}, {shown},
    ]  # fmt: skip
    assert hidden not in str(stranger("GET", "/jobs"))
    queue = stranger("GET", "/queues/cpu")
    assert hidden not in str(queue)
    assert queue["others"] >= 1


def _jobs_until(tab: Browser, last: str, batched: bool) -> set[str]:
    found: set[str] = set()
    while last not in found:
        if batched:
            batch = tab.next("batch")
            assert batch["room"] == "jobs"
            found |= {data["job_id"] for event, data in batch["events"] if event == "job"}
        else:
            found.add(tab.next("job")["job_id"])
    return found


def test_who_is_taken_out_hears_nothing_more_and_who_is_added_hears_from_then_on(
    served: Service, call: Caller, secret: tuple[str, str], somebody: Any,
    browse: Callable[..., Browser],
) -> None:  # fmt: skip
    dataset, _ = secret
    [image_id] = served.add_images(dataset, 1)
    person = somebody("guest")
    path = f"/datasets/{dataset}/members/{name_of(person)}"
    call("PUT", path, json={"role": "captioner"})
    tab, owner = browse(person.token), browse(served.admin_token)
    for each in (tab, owner):
        each.subscribe(f"dataset:{dataset}")
    tab.subscribe("jobs")
    call("PUT", f"/images/{image_id}/flag", json={"flagged": True, "note": "one"})
    assert tab.next("image")["flag_note"] == "one"
    call("DELETE", path)
    assert tab.next("left") == {"room": f"dataset:{dataset}"}
    call("PUT", f"/images/{image_id}/flag", json={"flagged": True, "note": "two"})
    assert [owner.next("image")["flag_note"] for _ in range(2)] == ["one", "two"]
    assert tab.events.empty()
    call("PUT", path, json={"role": "viewer"})
    wait_until(lambda: joined(tab, f"dataset:{dataset}"))
    call("PUT", f"/images/{image_id}/flag", json={"flagged": True, "note": "three"})
    assert tab.next("image")["flag_note"] == "three"


def test_nobody_is_present_where_he_may_not_be(
    served: Service, call: Caller, secret: tuple[str, str], somebody: Any,
    browse: Callable[..., Browser],
) -> None:  # fmt: skip
    dataset, _ = secret
    watcher, stranger = browse(served.admin_token), browse(somebody("stranger").token)
    watcher.subscribe(f"dataset:{dataset}")
    stranger.client.emit("presence", {"dataset_id": dataset, "image_id": 1})
    watcher.client.emit("presence", {"dataset_id": dataset, "image_id": None})
    assert [each["name"] for each in watcher.next("presence")["users"]] == ["admin"]


def test_what_is_told_goes_to_each_once_whether_a_dataset_is_for_everybody_or_not(
    service: Service,
) -> None:
    call = Caller(service.app.test_client(), service.admin_token)
    audience = Audience(service.services.roles)
    call.dataset("Open")
    call.dataset("Secret", everyone=None)
    assert audience.rooms_for(["job:1", "jobs of open"]) == ["job:1", "jobs", "jobs of everyone"]
    assert audience.rooms_for(["jobs of secret"]) == ["jobs", "jobs of secret"]
    assert audience.rooms_for(["jobs of deleted"]) == ["jobs", "jobs of deleted"]
    assert audience.rooms_for(["jobs by ada"]) == ["jobs", "jobs by ada"]
    assert audience.rooms_for(["jobs"]) == ["jobs", "jobs of everyone"]
    assert audience.rooms_for(["dataset:secret"]) == ["dataset:secret"]
