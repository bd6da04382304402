"""Whether a bucket gives its objects to whoever asks."""

from __future__ import annotations

from urllib.parse import quote

import urllib3

from common.errors import StoreUnavailable
from common.store.interface import ArtifactStore
from common.store.s3 import S3Store
from common.store.s3_address import CONNECT_S

ANSWER_S = 5.0


def can_strangers_read(store: ArtifactStore, key: str) -> bool | None:
    """Whether this object comes without key and secret; None for a folder, which has its file modes.

    Raises StoreUnavailable when it does not answer.
    """
    if not isinstance(store, S3Store):
        return None
    address = store.address
    scheme = "https" if address.secure else "http"
    url = f"{scheme}://{address.endpoint}/{address.bucket}/{quote(key)}"
    timeout = urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S)
    try:
        answer = urllib3.PoolManager().request("GET", url, timeout=timeout, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise StoreUnavailable(f"{store.describe()} does not answer: {error}") from error
    return answer.status == 200
