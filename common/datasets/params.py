"""What the jobs that make or split a dataset may be asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.jobs.params import Params, Seed


class SampleParams(Params):
    """The sample dataset is always the same: nothing."""


class CleanUpParams(Params):
    """Files that nothing needs any more: `<sha256>.<ext>` of a dataset's images, and whole folders.

    is_last: the second look at folders; is_followed: there is a second one.
    """

    dataset_id: str
    images: list[str] = Field(default_factory=list)
    folders: list[str] = Field(default_factory=list)
    is_last: bool = False
    is_followed: bool = False


class SplitParams(Params):
    """Part that is kept for validation, and whether near-duplicates stay on one side.

    near_duplicate_method `auto`: also by the embeddings of the newest index, if there is one.
    stratify: whether each folder or tag gets its share of the validation part.
    """

    val_fraction: float = Field(0.2, ge=0.01, le=0.9)
    seed: Seed = 0
    group_near_duplicates: bool = True
    near_duplicate_method: Literal["auto", "hash"] = "auto"
    stratify: Literal["none", "folder", "tag"] = "none"
