from __future__ import annotations

import errno

import pytest
import torch

from workers.models.memory import is_out_of_memory, with_smaller_batches


def test_work_that_does_not_fit_is_tried_with_half_as_much_and_said() -> None:
    tried: list[int] = []
    said: list[str] = []

    def work(size: int) -> str:
        tried.append(size)
        if size > 10:
            torch.empty(2**50)  # nobody has that much
        return "done"

    assert with_smaller_batches(work, 64, said.append) == "done"
    assert tried == [64, 32, 16, 8]
    assert "64 images at once do not fit" in said[0]
    with pytest.raises(RuntimeError, match="memory"):
        with_smaller_batches(lambda size: torch.empty(2**50), 2, said.append)
    with pytest.raises(ZeroDivisionError):
        with_smaller_batches(lambda size: size // 0, 2, said.append)


@pytest.mark.parametrize(
    ("problem", "means"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("could not create a primitive descriptor for the matmul primitive"), False),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(problem: Exception, means: bool) -> None:
    assert is_out_of_memory(problem) == means
