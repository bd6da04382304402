"""Which server answers for Redis, and which Redis it speaks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class ServerVersion(NamedTuple):
    """A server by its own name and number, as in "valkey 9.1.0". speaks: the version of Redis that it is like."""

    name: str
    number: str
    speaks: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


def read_server_version(info: Mapping[str, Any]) -> ServerVersion:
    """What an answer to `INFO server` says; number "0" where it says nothing."""
    spoken = str(info.get("redis_version", "0"))
    speaks = tuple(int(part) for part in spoken.split(".") if part.isdigit())
    if info.get("valkey_version"):
        return ServerVersion("valkey", str(info["valkey_version"]), speaks)
    return ServerVersion(str(info.get("server_name", "redis")), spoken, speaks)
