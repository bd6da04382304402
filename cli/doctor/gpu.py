"""The GPUs, and whether their driver is new enough for the torch that is installed. Loads no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cli.doctor.findings import Finding
from cli.doctor.place import Place

# The oldest driver on Linux for a CUDA of this major version ("CUDA Toolkit Release Notes", table 2);
# within a major version older drivers work with newer toolkits.
OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}


@dataclass(frozen=True)
class Driver:
    """version: as `nvidia-smi` shows it. cuda: the newest CUDA it speaks, as (major, minor)."""

    version: str
    cuda: tuple[int, int]
    gpus: tuple[str, ...]


def look_at_gpus(place: Place) -> Iterator[Finding]:
    """What there is, and whether torch can use it."""
    device, driver = place.settings.device, read_driver()
    yield judge_driver(driver, read_torch_cuda(), device)


def read_driver() -> Driver | None:
    """What NVIDIA's management library says; None where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        cuda = int(pynvml.nvmlSystemGetCudaDriverVersion())
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(number)
            for number in range(pynvml.nvmlDeviceGetCount())
        ]
        names = tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles)
        version = str(pynvml.nvmlSystemGetDriverVersion())
        return Driver(version, (cuda // 1000, cuda % 1000 // 10), names)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def read_torch_cuda() -> str | None:
    """The CUDA that the installed torch was built for ("13.0"), "" for none; None without torch."""
    found = find_spec("torch")
    if found is None or not found.origin:
        return None
    said = Path(found.origin).with_name("version.py").read_text("utf-8")
    built = re.search(r"^cuda\b[^=\n]*=\s*['\"]([\d.]+)['\"]", said, re.MULTILINE)
    return built[1] if built else ""


def judge_driver(driver: Driver | None, torch_cuda: str | None, device: str) -> Finding:
    """device: as in the settings. torch_cuda: as of `read_torch_cuda`."""
    if driver is None or not driver.gpus:
        if device.startswith("cuda"):
            return Finding(
                "GPU", "fail", f"CLIP_BROWSER_DEVICE is {device}, and there is no GPU",
                "Install NVIDIA's driver (in a container: the container toolkit), or set it to auto.",
            )  # fmt: skip
        return Finding("GPU", "ok", "none here; what runs here uses the CPU")
    found = (
        f"{', '.join(driver.gpus)}; driver {driver.version}, CUDA {driver.cuda[0]}.{driver.cuda[1]}"
    )
    if torch_cuda is None:
        return Finding("GPU", "ok", f"{found}; no torch is installed here")
    if torch_cuda == "":
        return Finding(
            "GPU", "warn", f"{found}; the installed torch was built without CUDA",
            "Install the ordinary torch of the package index, or leave the GPU to another worker.",
        )  # fmt: skip
    wanted = int(torch_cuda.split(".")[0])
    if driver.cuda[0] < wanted:
        oldest = OLDEST_DRIVER.get(wanted, "a newer one")
        return Finding(
            "GPU", "fail", f"{found}; torch was built for CUDA {torch_cuda} and cannot use it",
            f"Install driver {oldest} or newer. nvidia-smi works with the old one all the same, but "
            "trainings would run on the CPU.",
        )  # fmt: skip
    return Finding("GPU", "ok", f"{found}; torch was built for CUDA {torch_cuda}")
