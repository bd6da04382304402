"""Who sends a request, behind proxies that are known by their addresses.

What a proxy says in X-Forwarded-For, -Proto and -Host counts only when its address is one of
CLIP_BROWSER_TRUSTED_PROXIES. werkzeug's ProxyFix counts hops instead: it believes whoever connects,
so that with the port reachable beside the proxy, or one hop fewer than thought, anybody could say
that he is somebody else. Here the chain is read from its end, as each address is vouched for by the
one behind it, and the first one that is not a proxy of ours is the client.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

log = logging.getLogger(__name__)
Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class TrustedProxies:
    """WSGI middleware: the client's address, scheme and host in place of the proxy's."""

    def __init__(self, application: Application, networks: Networks) -> None:
        self._application = application
        self._networks = networks
        self._is_warned = False

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve the request as if its client had sent it here."""
        peer = read_address(environ.get("REMOTE_ADDR", ""))
        if peer is not None and _is_one_of(peer, self._networks):
            _set_sender(environ, peer, self._networks)
        elif "HTTP_X_FORWARDED_FOR" in environ and not self._is_warned:
            self._is_warned = True
            log.warning(
                "%s sends X-Forwarded-For and is not trusted: all behind it count as one client. "
                "If it is your proxy, add it to CLIP_BROWSER_TRUSTED_PROXIES.", peer
            )  # fmt: skip
        return self._application(environ, start_response)


def read_address(text: str) -> Address | None:
    """An address as proxies write it, with or without a port; None when it is none.

    An IPv4 address that came over an IPv6 socket (::ffff:192.0.2.1) is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _set_sender(environ: Environ, peer: Address, networks: Networks) -> None:
    client, hops = _client(environ.get("HTTP_X_FORWARDED_FOR", ""), peer, networks)
    environ["REMOTE_ADDR"] = str(client)
    scheme = _said(environ, "HTTP_X_FORWARDED_PROTO", hops)
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    host = _said(environ, "HTTP_X_FORWARDED_HOST", hops)
    if host:
        environ["HTTP_HOST"] = host


def _client(chain: str, peer: Address, networks: Networks) -> tuple[Address, int]:
    """(the client, the number of our proxies between it and us).

    Nobody vouches for what stands left of the client, nor for what is not an address: then the
    last proxy that is known counts as the client.
    """
    client, hops = peer, 1
    for entry in reversed(chain.split(",")):
        address = read_address(entry)
        if address is None:
            break
        client = address
        if not _is_one_of(address, networks):
            break
        hops += 1
    return client, hops


def _said(environ: Environ, header: str, hops: int) -> str:
    """What our outermost proxy says, whether each proxy adds a value to the header or replaces it."""
    values = [value.strip() for value in environ.get(header, "").split(",")]
    return str(values[-min(hops, len(values))])


def _is_one_of(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
