"""Many sign-ins at once, right after one another and with wrong passwords, past the bad line."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import httpx

SIGN_INS = 200
TIMEOUT_S = 10.0


def sign_in_at_once(url: str) -> None:
    """Begin them; each is answered or given up within TIMEOUT_S, while others go on."""
    flood = threading.Thread(target=lambda: asyncio.run(_sign_in_all(url)), daemon=True)
    flood.start()


async def _sign_in_all(url: str) -> None:
    limits = httpx.Limits(max_connections=SIGN_INS)
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits) as client:
        await asyncio.gather(*(_sign_in(client, number) for number in range(SIGN_INS)))


async def _sign_in(client: httpx.AsyncClient, number: int) -> None:
    guess = {"username": f"person{number % 20:02}", "password": f"a wrong guess {number}"}
    with contextlib.suppress(httpx.HTTPError):
        await client.post("/api/v1/auth/login", json=guess)
