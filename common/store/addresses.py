"""From a store URL to the store."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from common.errors import InvalidInput
from common.store.interface import ArtifactStore
from common.store.links import SignedLinks
from common.store.local import LocalStore
from common.store.s3 import S3Store
from common.store.s3_address import S3Address

REMEDY = (
    "Set CLIP_BROWSER_STORE_URL to file:///folder or s3://key:secret@host:port/bucket?secure=0; "
    "characters such as '/' or '@' in the secret are written %2F and %40."
)
BUCKET = re.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # the rules of S3
TRUTH = {"1": True, "true": True, "0": False, "false": False}


def open_store(store_url: str, answer_s: float | None = None) -> ArtifactStore:
    """The store of a URL; connects on first use. Raises InvalidInput on a bad URL (secret not shown).

    answer_s: seconds that whoever reads waits for an S3 server at most, where a person waits, too.

    `file:///absolute/folder`, or `s3://key:secret@host[:port]/bucket[?secure=0|1][&region=NAME]`
    (secure, i.e. HTTPS, is 1 unless said otherwise; the region is asked of the server if left out).
    """
    try:
        parts = urlsplit(store_url)
        parts.port  # noqa: B018 - raises ValueError unless it is a port
    except ValueError as error:
        raise InvalidInput("the store URL cannot be read", remedy=REMEDY) from error
    if parts.scheme == "file":
        return _open_local(parts)
    if parts.scheme == "s3":
        return S3Store(_s3_address(parts), answer_s)
    raise InvalidInput(f"the store URL starts with '{parts.scheme}:'", remedy=REMEDY)


def open_links(store_url: str, public_url: str) -> SignedLinks | None:
    """Where browsers fetch from the store themselves; None when no public address is set.

    Raises InvalidInput when the store is a folder, which answers nobody.
    """
    if not public_url:
        return None
    store = open_store(store_url)
    if not isinstance(store, S3Store):
        raise InvalidInput(
            f"CLIP_BROWSER_STORE_PUBLIC_URL is {public_url}, but the store is a {store.describe()}",
            remedy="Leave it empty: pictures then pass through the API.",
        )
    return SignedLinks(store.address, public_url)


def _open_local(parts: SplitResult) -> LocalStore:
    folder = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not folder.is_absolute() or parts.query:
        raise InvalidInput(
            f"the store folder '{parts.netloc}{parts.path}' is not absolute", remedy=REMEDY
        )
    return LocalStore(folder)


def _s3_address(parts: SplitResult) -> S3Address:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    secure = TRUTH.get(options.pop("secure", "1").lower())
    region = options.pop("region", None)
    bucket = parts.path.strip("/")
    faults = {
        "it has no host": not parts.hostname,
        "it has no key and secret": not (parts.username and parts.password),
        f"'{bucket}' is no bucket's name": not BUCKET.fullmatch(bucket),
        "secure is neither 0 nor 1": secure is None,
        f"it has unknown options {sorted(options)}": bool(options),
    }
    for fault, present in faults.items():
        if present:
            raise InvalidInput(f"the store URL does not fit: {fault}", remedy=REMEDY)
    return S3Address(
        endpoint=parts.netloc.rpartition("@")[2],
        bucket=bucket,
        access_key=unquote(parts.username or ""),
        secret_key=unquote(parts.password or ""),
        secure=bool(secure),
        region=region,
    )
