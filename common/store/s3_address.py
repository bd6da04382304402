"""Where a bucket is, and connections to it that answer or fail within seconds."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import certifi
import urllib3
from minio import Minio

from common.errors import InvalidInput

if TYPE_CHECKING:
    from types import TracebackType

    from urllib3.connectionpool import ConnectionPool

CONNECT_S = 2.0


@dataclass(frozen=True)
class S3Address:
    """Where a bucket is and who may use it. `endpoint` is host[:port]."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool
    region: str | None = None

    def connect(self, *, answer_s: float, retries: int) -> Minio:
        """A client of its own connections; sends nothing yet. Raises InvalidInput on a bad name."""
        try:
            return Minio(
                self.endpoint,
                self.access_key,
                self.secret_key,
                secure=self.secure,
                region=self.region,
                http_client=_connections(answer_s, retries),
            )
        except ValueError as error:
            raise InvalidInput(
                f"the store address '{self.endpoint}' does not fit: {error}"
            ) from error


class _Retry(urllib3.Retry):
    """Tries a lost connection again (the server came back), but not a server that hangs."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> _Retry:
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _Connections(urllib3.PoolManager):
    """Connections on which text/xml is application/xml, as RFC 7303 has it: the client knows one."""

    def urlopen(self, *arguments: Any, **options: Any) -> Any:
        response = super().urlopen(*arguments, **options)
        if response.headers.get("content-type", "").startswith("text/xml"):
            response.headers["content-type"] = "application/xml"
        return response


def _connections(answer_s: float, retries: int) -> urllib3.PoolManager:
    trusted = ssl.create_default_context()  # the system's certificates, and SSL_CERT_FILE
    trusted.load_verify_locations(certifi.where())
    return _Connections(
        maxsize=16,
        timeout=urllib3.Timeout(connect=CONNECT_S, read=answer_s),
        retries=_Retry(
            connect=retries,
            read=retries,
            status=retries,
            other=0,
            redirect=2,
            backoff_factor=0.2,
            status_forcelist=(500, 502, 503, 504),
            respect_retry_after_header=False,  # MinIO says a minute, and starts in a second
            raise_on_status=False,
        ),
        ssl_context=trusted,
    )
