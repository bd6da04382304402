"""What the jobs that change many captions are asked for."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from common.jobs.params import Params, StoredUpload


class ImportCaptionsParams(Params):
    """The file that was uploaded: a table, JSON lines, or a zip of .txt files."""

    upload: StoredUpload


class EditCaptionsParams(Params):
    """An edit, the filter by which the images were chosen, and how many captions that are.

    targets: the key in the store of the captions with their revisions, as they were chosen.
    """

    edit: dict[str, Any]
    filter: dict[str, Any]
    captions: int = Field(ge=0)
    targets: str


class UndoEditParams(Params):
    """The job whose changes are taken back."""

    job_id: str
