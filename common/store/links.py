"""Addresses at which a browser fetches an artifact from the store itself, for some minutes, without a key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from common.store.keys import check_key
from common.store.s3_address import S3Address

WINDOW_S = (
    300  # within it the address of an artifact stays the same, so that browsers keep what they have
)
VALID_S = 900
USUAL_REGION = "us-east-1"  # what servers of one's own say unless they are told otherwise


@dataclass(frozen=True)
class Link:
    """An address, and for how many seconds it may be given to others: it is valid ten minutes longer."""

    url: str
    lasts_s: int


class SignedLinks:
    """Signs with the store's own key; asks no server. One per process, thread-safe.

    public_url: scheme, host and port of the store as browsers reach it.
    """

    def __init__(self, address: S3Address, public_url: str) -> None:
        parts = urlsplit(public_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        outside = replace(
            address,
            endpoint=parts.netloc,
            secure=parts.scheme == "https",
            region=address.region or USUAL_REGION,
        )
        self._bucket = address.bucket
        self._client = outside.connect(answer_s=1.0, retries=0)

    def link(self, key: str, content_type: str, at: datetime | None = None) -> Link:
        """Of an artifact, there or not. at: the moment, in UTC. Raises InvalidInput on a bad key."""
        moment = at or datetime.now(UTC)
        begun_s = int(moment.timestamp()) // WINDOW_S * WINDOW_S
        url = self._client.presigned_get_object(
            self._bucket,
            check_key(key),
            expires=timedelta(seconds=VALID_S),
            request_date=datetime.fromtimestamp(begun_s, UTC),
            response_headers={
                "response-content-type": content_type,
                "response-cache-control": f"private, max-age={VALID_S}, immutable",
            },
        )
        return Link(url, begun_s + WINDOW_S - int(moment.timestamp()))
