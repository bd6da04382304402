"""Whose word about a request's sender counts."""

from __future__ import annotations

from typing import Any

import pytest

from api.people.sign_in.limit import OF_PAIR, SignInLimit
from api.people.sign_in.visitor import Visitor, client_of
from api.trusted_proxies import TrustedProxies
from common.errors import InvalidInput
from common.settings import Settings, load_settings
from tests.api.conftest import PASSWORD, Service

PROXIES = "127.0.0.1, 10.3.0.0/16, 2001:db8:9::/48"


def seen(peer: str, trusted: str = PROXIES, **headers: str) -> dict[str, Any]:
    """The environment that the app gets of a request that `peer` sends."""
    got: dict[str, Any] = {}
    environ = {"REMOTE_ADDR": peer, "HTTP_HOST": "api:8000", "wsgi.url_scheme": "http"}
    environ |= {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()}
    networks = load_settings(trusted_proxies=trusted).proxies
    TrustedProxies(lambda given, _: got.update(given) or [], networks)(environ, lambda *_: None)
    return got


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        # what nobody trusted says counts for nothing
        ("198.51.100.7", "203.0.113.5", "198.51.100.7"),
        ("10.4.0.1", "203.0.113.5", "10.4.0.1"),
        # a client's own header stands left of what the proxy adds
        ("10.3.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.3.0.1", "192.0.2.66, 203.0.113.5", "203.0.113.5"),
        ("10.3.0.1", "127.0.0.1, 10.3.0.9, 203.0.113.5", "203.0.113.5"),
        # two proxies, and a client between spoofed and real ones
        ("127.0.0.1", "192.0.2.66, 203.0.113.5, 10.3.0.1", "203.0.113.5"),
        ("127.0.0.1", "10.3.0.8, 10.3.0.1", "10.3.0.8"),
        # IPv6, ports, an IPv4 client of an IPv6 socket
        ("2001:db8:9::1", "2001:db8:1::5", "2001:db8:1::5"),
        ("::ffff:127.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("127.0.0.1", "[2001:db8:1::5]:4711", "2001:db8:1::5"),
        ("127.0.0.1", "fe80::1%eth0", "fe80::1"),
        # what is no address: the last proxy that is known is the client
        ("10.3.0.1", "203.0.113.5, nonsense", "10.3.0.1"),
        ("127.0.0.1", "203.0.113.5, unknown, 10.3.0.1", "10.3.0.1"),
        ("10.3.0.1", "", "10.3.0.1"),
        ("10.3.0.1", ",", "10.3.0.1"),
        ("10.3.0.1", "1" * 5000, "10.3.0.1"),
        ("", "203.0.113.5", ""),
    ],
)
def test_the_client_is_the_first_from_the_end_that_is_no_proxy_of_ours(
    peer: str, chain: str, client: str
) -> None:
    assert seen(peer, **{"for": chain})["REMOTE_ADDR"] == client


def test_by_default_nobody_is_trusted() -> None:
    got = seen("127.0.0.1", "", **{"for": "203.0.113.5", "proto": "https", "host": "x.example"})
    assert (got["REMOTE_ADDR"], got["wsgi.url_scheme"], got["HTTP_HOST"]) == (
        "127.0.0.1", "http", "api:8000",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chain", "proto", "host", "scheme_and_host"),
    [
        ("203.0.113.5", "https", "clips.example", ("https", "clips.example")),
        ("203.0.113.5", "http, https", "evil.example, clips.example", ("https", "clips.example")),
        (
            "203.0.113.5, 10.3.0.1",
            "https, http",
            "clips.example, inner",
            ("https", "clips.example"),
        ),
        ("203.0.113.5, 10.3.0.1", "https", "clips.example", ("https", "clips.example")),
        ("203.0.113.5", "javascript", "", ("http", "api:8000")),
    ],
)
def test_scheme_and_host_are_those_of_our_outermost_proxy(
    chain: str, proto: str, host: str, scheme_and_host: tuple[str, str]
) -> None:
    got = seen("127.0.0.1", **{"for": chain, "proto": proto, "host": host})
    assert (got["wsgi.url_scheme"], got["HTTP_HOST"]) == scheme_and_host


def test_an_ipv6_client_is_its_whole_network() -> None:
    assert client_of("2001:db8:1:2:3::4") == client_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert client_of("2001:db8:1:3::4") != client_of("2001:db8:1:2::4")
    assert client_of("203.0.113.5") == client_of("::ffff:203.0.113.5") == "203.0.113.5"
    assert client_of("nonsense") == client_of("") == "unknown"


@pytest.mark.parametrize("bad", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "1.2.3"])
def test_a_proxy_that_is_no_network_is_named_at_the_start(bad: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(trusted_proxies=f"127.0.0.1, {bad}")
    assert "CLIP_BROWSER_TRUSTED_PROXIES" in caught.value.message
    assert bad in caught.value.message


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Behind a proxy on this machine."""
    return settings.model_copy(update={"trusted_proxies": "127.0.0.1"})


def test_nobody_locks_admin_out_for_those_behind_the_same_proxy(service: Service) -> None:
    def sign_in(client: str, password: str) -> int:
        given = {"username": "admin", "password": password}
        headers = {"X-Forwarded-For": f"198.51.100.99, {client}"}
        return (
            service.app.test_client()
            .post("/api/v1/auth/login", json=given, headers=headers)
            .status_code
        )

    limit = SignInLimit(service.services.queue.redis)
    for _ in range(OF_PAIR - 1):
        with limit.count(Visitor("203.0.113.5"), "admin"):
            pass
    assert sign_in("203.0.113.5", "wrong") == 401
    assert sign_in("203.0.113.5", PASSWORD) == 429
    assert sign_in("203.0.113.6", PASSWORD) == 200


def test_over_https_the_cookie_is_sent_over_https_only_and_our_own_pages_may_change_things(
    service: Service,
) -> None:
    client = service.app.test_client()
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "clips.example"}
    given = {"username": "admin", "password": PASSWORD}
    signed_in = client.post("/api/v1/auth/login", json=given, headers=proxy)
    assert all("Secure" in cookie for cookie in signed_in.headers.getlist("Set-Cookie"))
    token = {"Cookie": signed_in.headers.getlist("Set-Cookie")[0].partition(";")[0]}
    other = service.app.test_client(use_cookies=False)
    for origin, status in (("https://clips.example", 201), ("https://evil.example", 403)):
        headers = {**proxy, **token, "Origin": origin}
        made = other.post("/api/v1/datasets", json={"name": "x"}, headers=headers)
        assert made.status_code == status
