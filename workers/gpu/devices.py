"""What a training runs on, in which precision, and how much memory there is and was used."""

from __future__ import annotations

import torch


def choose_precision(wanted: str, device: str) -> str:
    """open_clip's name of the precision: bf16 where the GPU has it, plain fp32 on a CPU."""
    if wanted != "auto":
        return "fp32" if device == "cpu" and wanted == "amp" else wanted
    if device == "cpu":
        return "fp32"
    return "amp_bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "amp"


def describe_device(device: str) -> str:
    """ "NVIDIA H100 (80 GB)" or "the CPU (2 threads)"."""
    if device == "cpu":
        return f"the CPU ({torch.get_num_threads()} threads)"
    return f"{torch.cuda.get_device_name(device)} ({gpu_memory_gb(device):.0f} GB)"


def gpu_memory_gb(device: str) -> float | None:
    """Memory of the GPU in GB; None on a CPU."""
    if device == "cpu":
        return None
    return float(torch.cuda.get_device_properties(device).total_memory) / 1e9


def free_gpu_memory_gb(device: str, limit_gb: float | None = None) -> float | None:
    """GB of the GPU that this process has or may still take: other programs take some too.

    limit_gb: what it is allowed. None on a CPU.
    """
    if device == "cpu":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    mine = (free + torch.cuda.memory_reserved(device)) / 1e9
    return mine if limit_gb is None else min(mine, limit_gb)


def peak_memory_gb(device: str) -> float | None:
    """The most of the GPU's memory that this process has held so far, in GB; None on a CPU."""
    return None if device == "cpu" else torch.cuda.max_memory_reserved(device) / 1e9
