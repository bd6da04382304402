"""What a process hears of what is told in Redis."""

from __future__ import annotations

import queue
import time
from typing import Any

import pytest
import redis as redis_client

from api.live.listener import EventListener
from common.messaging.events import CHANNEL, Events
from common.settings import load_settings


def test_events_of_rooms_in_which_nobody_is_are_not_read(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: queue.Queue[Any] = queue.Queue()
    asked: list[list[str]] = []

    def is_heard(rooms: list[str]) -> bool:
        if rooms in (["dataset:here"], ["dataset:elsewhere"]):  # not what other tests tell
            asked.append(rooms)
        return rooms in (["dataset:begun"], ["dataset:here"])

    listener = EventListener(
        redis_url,
        lambda events, rooms: heard.put((events, rooms)),
        is_heard,
        lambda: None,
    )
    listener.start()
    redis = redis_client.Redis.from_url(redis_url)
    while heard.empty():  # apps that other tests have made may listen on this Redis, too
        redis.publish(CHANNEL, '["dataset:begun"]\t["begun", {}]')
        time.sleep(0.05)
    lines = [
        '["dataset:elsewhere"]\tthis would be an error in the log',
        '["dataset:here"]\tso is this',
        '["dataset:elsewhere"]\tthis not',
        '["dataset:here"]\t["caption", {"image_id": 1}]',
    ]
    redis.publish(CHANNEL, "\n".join(lines))
    while (told_of := heard.get(timeout=60))[1] == ["dataset:begun"]:
        pass
    assert told_of == ([["caption", {"image_id": 1}]], ["dataset:here"])
    assert asked == [["dataset:elsewhere"], ["dataset:here"]] * 2
    assert [record.message for record in caplog.records if "not delivered" in record.message] == [
        'events to ["dataset:here"] were not delivered'
    ]
    told = Events(load_settings(redis_url=redis_url))
    told.caption("here", {"image_id": 2, "text": "a tab\t and\nan end of a line"})
    assert heard.get(timeout=60)[0][0][1]["text"] == "a tab\t and\nan end of a line"
    told.close()
