"""The artifact store: one small interface, two implementations that pass the same contract tests.

    store = open_store("file:///srv/clip-browser")
    store = open_store("s3://key:secret@127.0.0.1:9000/clip-browser?secure=0")

A local folder keeps artifacts as plain files under their keys; everything else speaks plain S3
through the `minio` client. Only this package knows either of them, and only it catches their errors.
"""

from common.store.addresses import open_links, open_store
from common.store.interface import ArtifactStat, ArtifactStore
from common.store.keys import check_key
from common.store.links import SignedLinks
from common.store.local import LocalStore
from common.store.s3 import S3Store

__all__ = [
    "ArtifactStat",
    "ArtifactStore",
    "LocalStore",
    "S3Store",
    "SignedLinks",
    "check_key",
    "open_links",
    "open_store",
]
