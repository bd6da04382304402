"""Who is where, of crowds."""

from __future__ import annotations

import json
import time

import redis

from api.live.presence import CROWD, Presence
from api.live.whereabouts import TELL_AFTER_S, PresenceNews, Whereabouts
from common.messaging.events import Events
from common.settings import Settings
from tests.api.conftest import wait_until


def test_of_a_crowd_some_are_told_and_first_those_who_have_an_image_open(redis_url: str) -> None:
    presence = Presence(redis.Redis.from_url(redis_url))
    presence.refresh("crowd", [(f"idle {n}", f"idle {n:03}", None) for n in range(3 * CROWD)])
    presence.refresh("crowd", [(f"at work {n}", f"worker {n:03}", n) for n in range(5)])
    told = presence.users("crowd")
    assert len(told) == CROWD
    assert [each["image_id"] for each in told if each["image_id"] is not None] == [0, 1, 2, 3, 4]
    for n in range(3 * CROWD):
        presence.leave("crowd", f"idle {n}")
    assert [each["name"] for each in presence.users("crowd")] == [
        f"worker {n:03}" for n in range(5)
    ]


def test_hundreds_who_come_at_once_are_told_as_few_changes(
    redis_url: str, settings: Settings
) -> None:
    client = redis.Redis.from_url(redis_url)
    heard = client.pubsub()  # type: ignore[no-untyped-call]
    heard.psubscribe("*")
    news = PresenceNews(Presence(client), Events(settings), list)
    began = time.monotonic()
    for n in range(300):
        news.enter(Whereabouts(f"tab {n}", f"person {n:03}", "rush", None))

    told: list[object] = []

    def all_are_told() -> bool:
        while (message := heard.get_message(timeout=0.01)) is not None:
            if message["type"] == "pmessage" and b"rush" in message["data"]:
                told.append(json.dumps(message["data"].decode()))
        return bool(told)

    wait_until(all_are_told)
    assert len(told) <= 2 + (time.monotonic() - began) / TELL_AFTER_S
    assert len(Presence(client).users("rush")) == CROWD
