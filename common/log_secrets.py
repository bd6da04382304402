"""What no log line may hold: the secrets of the settings, and what stands in addresses and headers as one."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from common.settings import Settings

HIDDEN = "***"
LEAST = 6  # characters: anything shorter stands in half of all words
_NAMES = "secret_key", "admin_password", "oidc_client_secret", "llm_api_key"
_ADDRESSES = "database", "redis_url", "store"
_PATTERNS = (
    # who signs in, in an address
    (re.compile(r"(?<=://)[^/\s@'\"]+(?=@)"), HIDDEN),
    (
        re.compile(
            r"([?&](?:token|key|api_key|secret|password|code|state|x-amz-[a-z-]+|signature)=)[^&\s'\"]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
)


class Secrets:
    """Takes secrets out of texts. settings: whose own are known by their letters."""

    def __init__(self, settings: Settings | None = None) -> None:
        known = _known(settings) if settings is not None else set()
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def hide(self, text: str) -> str:
        """The text, with *** where there was a secret."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text


def without_secrets(address: str) -> str:
    """An address of a database, Redis or store: without user, password and query."""
    parts = urlsplit(address)
    where = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{where}{parts.path}"


def _known(settings: Settings) -> set[str]:
    found = {str(getattr(settings, name)) for name in _NAMES}
    for name in _ADDRESSES:
        written = urlsplit(str(getattr(settings, name))).netloc.rpartition("@")[0].partition(":")[2]
        found |= {written, unquote(written)}
    return {each for each in found if len(each) >= LEAST}
