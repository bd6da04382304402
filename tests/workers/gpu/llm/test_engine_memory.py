from __future__ import annotations

import pytest

from common.errors import LlmFailed
from workers.gpu.llm.engine_memory import GPU_SHARE, gpu_share, require_memory

GB = 10**9


def test_a_gpu_of_its_own_is_used_but_for_a_rest() -> None:
    assert gpu_share("small", 3 * GB, free=79 * GB, total=80 * GB) == GPU_SHARE


def test_beside_another_process_it_takes_what_is_free_and_leaves_a_rest() -> None:
    share = gpu_share("small", 3 * GB, free=30 * GB, total=80 * GB)
    assert share == pytest.approx(30 / 80 - 0.03, abs=1e-3)


@pytest.mark.parametrize(("free", "total"), [(3, 80), (3, 4), (0, 24)])
def test_a_model_that_does_not_fit_is_refused_with_what_is_free_and_needed(
    free: int, total: int
) -> None:
    with pytest.raises(LlmFailed) as failed:
        gpu_share("org/small", 3 * GB, free * GB, total * GB)
    assert f"{free:.1f} of {total:.1f} GB are free" in failed.value.message
    assert "about 5.0 GB are needed" in failed.value.message
    assert "smaller language model" in failed.value.remedy
    assert "synonyms" in failed.value.remedy


def test_on_the_cpu_the_machines_memory_counts() -> None:
    require_memory("small", GB // 4, GB, free=4 * GB, total=24 * GB)
    with pytest.raises(LlmFailed, match=r"1.0 of 24.0 GB are free"):
        require_memory("small", GB // 4, GB, free=GB, total=24 * GB)
