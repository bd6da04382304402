"""The OpenID provider: what it says of itself, what a code is worth there, and whether that is true.

Authlib knows the protocol, joserfc its signatures; only this module imports them, and only where a provider is set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Generic, TypeVar
from urllib.parse import quote_plus, urlencode

import httpx
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from api.people.oidc.claims import TELL, groups_of, read_person
from api.people.oidc.flow import Flow
from api.people.sign_in.line import SignInLine
from common.errors import ClipBrowserError, Unauthorized, Unavailable
from common.people.identities import ProvidedPerson
from common.settings import Settings

CALLBACK = "/api/v1/auth/oidc/callback"
TIMEOUT_S = 10.0
KEPT_S = 3600.0  # metadata and keys
KEYS_AGAIN_S = 10.0  # a key that is not known is looked for again, not more often than this
SILENT_S = 5.0  # a provider that did not answer is not asked again within this
LEEWAY_S = 60  # that two clocks may differ
# All that are signed by the provider's private key. `none` and those with a shared secret are not among them.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
)  # fmt: skip
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
T = TypeVar("T")
log = logging.getLogger(__name__)


class Provider:
    """The one of the settings. One per process, thread-safe. places: how many requests may wait for it at once."""

    def __init__(self, settings: Settings, places: int) -> None:
        self._settings = settings
        self._http = httpx.Client(timeout=TIMEOUT_S, headers={"Accept": "application/json"})
        self._line = SignInLine(places, 1)
        self._lock = threading.Lock()
        self._metadata: _Kept[dict[str, Any]] = _Kept()
        self._keys: _Kept[KeySet] = _Kept()
        self._silent_until = 0.0

    def place(self, client: str) -> AbstractContextManager[None]:
        """One of the few threads that may wait for the provider. Raises TooManyRequests."""
        return self._line.place(client)

    def address(self, flow: Flow) -> str:
        """Where the browser goes to sign in. Raises Unavailable."""
        found, _ = self._client().create_authorization_url(
            self._described()["authorization_endpoint"],
            state=flow.state,
            nonce=flow.nonce,
            code_verifier=flow.verifier,
        )
        return str(found)

    def sign_out_address(self) -> str | None:
        """Where the browser goes to sign out there as well; None: the provider has no such place."""
        end = self._described().get("end_session_endpoint")
        if not end:
            return None
        back = {
            "client_id": self._settings.oidc_client_id,
            "post_logout_redirect_uri": f"{self._settings.address}/signin",
        }
        return f"{end}{'&' if '?' in end else '?'}{urlencode(back)}"

    def person(self, flow: Flow, code: str) -> ProvidedPerson:
        """Whose code it is. Raises Unauthorized, Forbidden, Unavailable."""
        tokens = self._exchange(flow, code)
        claims = self._verified(tokens, flow.nonce)
        return read_person(self._settings, self._completed(claims, tokens))

    def _client(self) -> OAuth2Client:
        settings = self._settings
        return OAuth2Client(
            self._http,
            client_id=settings.oidc_client_id,
            scope=settings.oidc_scopes,
            redirect_uri=f"{settings.address}{CALLBACK}",
            code_challenge_method="S256",
        )

    def _exchange(self, flow: Flow, code: str) -> dict[str, Any]:
        metadata, settings = self._described(), self._settings
        body = {"code": code, "code_verifier": flow.verifier}
        auth = httpx.Auth()  # none
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if not settings.oidc_client_secret:
            body["client_id"] = settings.oidc_client_id
        elif "client_secret_basic" in known:  # encoded as RFC 6749, section 2.3.1 wants it
            auth = httpx.BasicAuth(
                quote_plus(settings.oidc_client_id), quote_plus(settings.oidc_client_secret)
            )
        else:
            body["client_id"] = settings.oidc_client_id
            body["client_secret"] = settings.oidc_client_secret
        try:
            found = self._client().fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                auth=auth,
                redirect_uri=f"{settings.address}{CALLBACK}",
                **body,
            )
        except OAuth2Error as refused:
            log.warning("%s refused a code: %s", settings.oidc_issuer, refused)
            raise self._refusal(f"it refused the code ({refused.error})") from refused
        except (httpx.HTTPError, ValueError) as bad:
            raise self._silence(bad) from bad
        return dict(found)

    def _verified(self, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of an ID token that the provider has signed, for us, for this flow, just now."""
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise self._refusal("it sent no ID token")
        try:
            found = self._decoded(id_token)
            claims = CodeIDToken(
                found.claims,
                found.header,
                {
                    "iss": {"essential": True, "value": self._settings.oidc_issuer},
                    "aud": {"essential": True, "value": self._settings.oidc_client_id},
                },
                {
                    "nonce": nonce,
                    "client_id": self._settings.oidc_client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(time.time()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as bad:
            log.warning(
                "%s sent an ID token that is not taken: %r", self._settings.oidc_issuer, bad
            )
            raise self._refusal(f"its ID token cannot be trusted: {bad}") from bad
        return dict(claims)

    def _decoded(self, id_token: str) -> jwt.Token:
        """With the keys that are known; with new ones when it is signed with none of them."""
        try:
            return jwt.decode(id_token, self._key_set(KEPT_S), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            if self._keys.age_s() < KEYS_AGAIN_S:
                raise
        return jwt.decode(id_token, self._key_set(KEYS_AGAIN_S), algorithms=ALGORITHMS)

    def _completed(self, claims: dict[str, Any], tokens: dict[str, Any]) -> dict[str, Any]:
        """With what the provider tells at its UserInfo endpoint alone: names and groups, at many."""
        endpoint = self._described().get("userinfo_endpoint")
        names = claims.get("preferred_username") or claims.get("email")
        if not endpoint or (names and groups_of(self._settings, claims)):
            return claims
        bearer = {"Authorization": f"Bearer {tokens.get('access_token')}"}
        more = self._get(endpoint, bearer)
        if more.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0, section 5.3.2
            raise self._refusal("its UserInfo is about somebody else")
        return {**more, **claims}

    def _described(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0)."""
        with self._asking():
            if self._metadata.age_s() > KEPT_S:
                issuer = self._settings.oidc_issuer
                found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != issuer:
                    raise self._misset(f"it calls itself {found.get('issuer')!r}, not {issuer!r}")
                if not all(isinstance(found.get(name), str) for name in NEEDED):
                    raise self._misset(f"it does not name {', '.join(NEEDED)}")
                self._metadata.keep(found)
            return self._metadata.value

    def _key_set(self, kept_s: float) -> KeySet:
        uri = self._described()["jwks_uri"]
        with self._asking():
            if self._keys.age_s() > kept_s:
                listed = self._get(uri).get("keys") or []
                self._keys.keep(KeySet(_usable_keys(listed)))
            return self._keys.value

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One at a time; who waited while it was found silent does not ask again."""
        with self._lock:
            if time.monotonic() < self._silent_until:
                raise self._unavailable()
            try:
                yield
            except ClipBrowserError:
                self._silent_until = time.monotonic() + SILENT_S
                raise

    def _get(self, address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            response = self._http.get(address, headers=headers)
            response.raise_for_status()
            found = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as bad:
            raise self._silence(bad) from bad
        if not isinstance(found, dict):
            raise self._silence(f"{address} is no JSON object")
        return found

    def _silence(self, why: object) -> Unavailable:
        log.warning("OpenID provider %s: %s", self._settings.oidc_issuer, why)
        return self._unavailable()

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            f"{self._settings.oidc_name} does not answer as it should.",
            remedy=f"Try again in a minute. {TELL}",
        )

    def _misset(self, why: str) -> Unavailable:
        log.error("CLIP_BROWSER_OIDC_ISSUER: %s", why)
        return Unavailable(f"{self._settings.oidc_name} is not set up: {why}.", remedy=TELL)

    def _refusal(self, why: str) -> Unauthorized:
        return Unauthorized(
            f"The sign-in by {self._settings.oidc_name} has failed: {why}.",
            remedy=f"Begin again. {TELL}",
        )


class _Kept(Generic[T]):
    """A value and its age."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._since = float("-inf")

    @property
    def value(self) -> T:
        assert self._value is not None
        return self._value

    def age_s(self) -> float:
        return time.monotonic() - self._since

    def keep(self, value: T) -> None:
        self._value, self._since = value, time.monotonic()


def _usable_keys(listed: list[Any]) -> list[Key]:
    """Those that may sign. Providers list others beside, of kinds that nobody here knows."""
    found = []
    for key in listed:
        is_known = isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")
        if is_known and key.get("use", "sig") == "sig":
            with suppress(JoseError, ValueError):
                found.append(import_key(key))
    return found
