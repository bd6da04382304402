"""The HTTP client of a running CLIP Browser. The only module of the terminal that knows httpx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cli.credentials import Access
from common.errors import (
    ClipBrowserError,
    Internal,
    InvalidInput,
    Unauthorized,
    Unavailable,
    error_from_dict,
)

API = "/api/v1"
CHUNK_BYTES = 1024 * 1024
OnBytes = Callable[[int], None]
# An upload is answered when the whole of it is stored; a search may load a model first.
TIMEOUT = httpx.Timeout(connect=10, read=300, write=300, pool=10)


class Client:
    """Calls the REST API; every failure is one of our own errors, with its remedy."""

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        self.url = access.url
        try:
            self._http = httpx.Client(
                base_url=access.url + API, headers=headers, timeout=TIMEOUT, transport=transport
            )
        except (httpx.InvalidURL, ValueError) as problem:
            raise InvalidInput(f"'{access.url}' is no address: {problem}") from problem

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """GET -> JSON. Parameters that are None are left out."""
        return self._json("GET", path, params=_given(params))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST a JSON body -> JSON, or None for an answer without content."""
        return self._json("POST", path, json=body or {})

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """PATCH -> JSON."""
        return self._json("PATCH", path, json=body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT -> JSON."""
        return self._json("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        """DELETE -> JSON, or None for an answer without content."""
        return self._json("DELETE", path)

    def items(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page after page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **params)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def upload(
        self,
        path: str,
        field: str,
        files: list[tuple[str, Path]],
        on_bytes: OnBytes = lambda _: None,
        **params: Any,
    ) -> Any:
        """POST files as multipart under one field, each as (name, file), streamed -> JSON."""
        parts: list[tuple[str, tuple[str, Any]]] = []
        try:
            for name, path_on_disk in files:
                parts.append((field, (name, _Counted(path_on_disk, on_bytes))))
            return self._json("POST", path, files=parts, params=_given(params))
        except OSError as problem:
            raise InvalidInput(
                f"{problem.filename} cannot be read: {problem.strerror}"
            ) from problem
        finally:
            for _, (_, opened) in parts:
                opened.close()

    def put_bytes(self, path: str, data: bytes, headers: dict[str, str]) -> Any:
        """PUT bytes -> JSON."""
        headers = {"Content-Type": "application/octet-stream", **headers}
        return self._json("PUT", path, content=data, headers=headers)

    def download(
        self, path: str, out: Path, on_bytes: Callable[[int, int | None], None], **params: Any
    ) -> None:
        """GET into a file, whole or not at all; on_bytes(new bytes, total or None)."""
        part = out.with_name(out.name + ".part")
        query = _given(params)
        with _translated(self.url), self._http.stream("GET", path, params=query) as response:
            if response.is_error:
                response.read()
                raise _error_of(response)
            length = response.headers.get("Content-Length")
            try:
                with part.open("wb") as file:
                    for chunk in response.iter_bytes(CHUNK_BYTES):
                        file.write(chunk)
                        on_bytes(len(chunk), int(length) if length else None)
                part.replace(out)
            except OSError as problem:
                raise InvalidInput(f"{out} cannot be written: {problem.strerror}") from problem
            finally:
                part.unlink(missing_ok=True)

    def text(self, path: str, **params: Any) -> tuple[str, dict[str, str]]:
        """GET -> (text, headers)."""
        response = self._send("GET", path, params=_given(params))
        return response.text, dict(response.headers)

    def _json(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, path, **options)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as problem:
            raise _not_ours(self.url) from problem

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _translated(self.url):
            response = self._http.request(method, path, **options)
        if response.is_error:
            raise _error_of(response)
        return response


class _Counted:
    """A file opened for reading that tells how many bytes were taken from it."""

    def __init__(self, path: Path, on_bytes: OnBytes) -> None:
        self._file = path.open("rb")
        self._on_bytes = on_bytes

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._on_bytes(len(data))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _error_of(response: httpx.Response) -> ClipBrowserError:
    try:
        shape = response.json()
        shape["code"], shape["message"]
    except (ValueError, KeyError, TypeError):
        return Internal(
            f"{response.request.url} answered {response.status_code} {response.reason_phrase}.",
            remedy="Check the address: is a CLIP Browser listening there?",
        )
    error = error_from_dict(shape)
    is_disabled = (error.details or {}).get("reason") == "disabled"  # no other token helps
    if isinstance(error, Unauthorized) and not is_disabled:
        error.remedy = "Give --token or set CLIP_BROWSER_TOKEN, or run 'clip-browser login'."
    return error


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as problem:
        raise Unavailable(f"{url} does not answer in time ({type(problem).__name__}).") from problem
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise Unavailable(
            f"No CLIP Browser can be reached at {url} ({problem}).",
            remedy="Start it with 'clip-browser up', or give its address with --url.",
        ) from problem


def _not_ours(url: str) -> ClipBrowserError:
    return Internal(
        f"{url} does not answer as a CLIP Browser does.",
        remedy="Check the address given with --url.",
    )
