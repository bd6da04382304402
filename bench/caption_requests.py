"""The child of `bench.caption_table`: the API and the saving of captions in one process, on request.

Run by its path, with the checkout that it takes its code from on PYTHONPATH. So it imports only what
every version has at the same place: how the tests make a service, and the settings.

Reads lines of standard input, each the name of a request, and answers each with a line of JSON:
[milliseconds of the CPU, milliseconds that passed], of this process and of the database's server.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

from common.settings import load_settings
from tests.api.conftest import Service

DATASET = "large"
TEXT = "a small red cat on the left of two dogs"
Ask = Callable[[], object]


def main(url: str, redis_url: str, folder: str, server_pid: str) -> None:
    """Answer until standard input ends."""
    settings = load_settings(
        data_dir=Path(folder), redis_url=redis_url, database_url=url, secret_key="k" * 32,
        admin_password="a password for measurements",
    )  # fmt: skip
    service = Service(settings, Path(folder))
    service.app.validate_response = False
    asks = requests_of(service)
    print("ready", flush=True)
    for line in sys.stdin:
        cpu_ms, began = _cpu_ms(server_pid), time.perf_counter()
        asks[line.strip()]()
        took_ms = 1000 * (time.perf_counter() - began)
        print(json.dumps([_cpu_ms(server_pid) - cpu_ms, took_ms]), flush=True)


def requests_of(service: Service) -> dict[str, Ask]:
    """What can be asked for, by name."""
    client, claimed = service.app.test_client(), []
    headers = {"Authorization": f"Bearer {service.admin_token}"}

    def call(method: str, path: str) -> bytes:
        """Not as tests call: they hold each answer against its description, which takes longer."""
        answer = client.open(f"/api/v1/datasets/{DATASET}/{path}", method=method, headers=headers)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data()

    def get(path: str) -> Ask:
        return lambda: call("GET", path)

    def claim() -> None:
        claimed.append(json.loads(call("POST", f"claim?holder={secrets.token_hex(8)}"))["id"])

    def save(base: int, slot: int) -> Ask:
        return lambda: service.save(claimed[-1], TEXT, slot, "admin", base)

    return {
        "list, first page": get("images?limit=100"),
        "list, captioned": get("images?limit=100&status=captioned"),
        "list, uncaptioned": get("images?limit=100&status=uncaptioned"),
        "list, a text that many have": get("images?limit=100&q=wooden"),
        "list, a text that none has": get("images?limit=100&q=zeppelin"),
        "list, by one of four people": get("images?limit=100&by=anna"),
        "list, several captions": get("images?limit=100&has=several"),
        "index.csv": get("files/index.csv"),
        "claim": claim,
        "save a first caption": save(0, 0),
        "save another over it": save(1, 0),
        "save a second caption": save(0, 1),
    }


def _cpu_ms(server_pid: str) -> float:
    """Of this process, and of all processes that a PostgreSQL has started (Linux)."""
    total_ms = 1000 * time.process_time()
    if server_pid != "0":
        children = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text().split()
        for pid in children:
            total_ms += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    return total_ms


if __name__ == "__main__":
    main(*sys.argv[1:])
