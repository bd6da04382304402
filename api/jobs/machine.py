"""The machine that trainings run on, as far as the API can tell: the GPU workers say what they have."""

from __future__ import annotations

from typing import Any

from api.services import Services
from common.gpus import read_gpus
from common.messaging.broker import GPU
from common.training.plan import Machine

GB_IN_GIB = 1024**3 / 1e9  # nvidia-smi counts in GiB


def training_machine(services: Services) -> Machine:
    """What the next training will run on. Without any GPU worker: what this machine has.

    The GPU workers' own word counts (they may be on other machines); of several kinds of GPU the
    one with the least memory, since any worker may take the run.
    """
    workers = [worker for worker in services.live_workers.read() if GPU in worker["queues"]]
    listed = [worker["gpus"] for worker in workers if worker.get("gpus")]
    if not workers and services.settings.device != "cpu":
        listed = [read_gpus()]
    gpus: list[dict[str, Any]] = [gpu for host in listed for gpu in host]
    if not gpus:
        return Machine("cpu", services.settings.train_memory_gb, gpus=0, name="the CPU")
    smallest = min(gpus, key=lambda gpu: float(gpu["memory_gb"]))
    memory_gb = float(smallest["memory_gb"]) * GB_IN_GIB
    return Machine(
        "cuda",
        round(min(memory_gb, services.settings.train_memory_gb or memory_gb), 1),
        gpus=max(len(host) for host in listed),
        name=str(smallest["name"]),
    )
