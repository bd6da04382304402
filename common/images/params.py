"""What the job that takes images in is asked for."""

from __future__ import annotations

from common.jobs.params import Params, StoredUpload


class IngestParams(Params):
    """The files that were uploaded: images, zips of them, captions beside them."""

    uploads: list[StoredUpload]
