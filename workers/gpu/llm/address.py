"""Where captions may be sent to: an endpoint's address, before anything is asked there."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from common.augment.language_models import FALLBACK
from common.errors import LlmFailed

ALLOW = "Set CLIP_BROWSER_LLM_PRIVATE_ADDRESSES=1 if the endpoint is yours,"


def require_public(base_url: str) -> None:
    """Raises LlmFailed when the endpoint's host is on this machine, a private or a link-local network.

    One that has no address here is let through: the request will say so, or a proxy knows it.
    """
    parts = urlsplit(base_url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return
    for *_, place in found:
        address = ip_address(str(place[0]).partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not mapped.is_global:
            raise LlmFailed(
                f"CLIP_BROWSER_LLM_BASE_URL leads to {mapped}, which is no public address.",
                remedy=f"{ALLOW} {FALLBACK}",
            )
