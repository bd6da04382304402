"""What the views work with: made once by `create_app`, asked for by `app_services()`."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Semaphore
from typing import TYPE_CHECKING

from flask import current_app

from api.captions.group_commit import GroupCommit
from api.live.presence import Presence
from api.live.workers import LiveWorkers
from api.people.access import Roles
from api.people.second_factor.demand import SecondFactorDemand
from api.people.sign_in.refusals import Refusals
from api.people.sign_in.sign_ins import SignIns
from api.people.token_cache import TokenCache
from api.places import Places
from api.response_cache import ResponseCache
from common.datasets.counts import ImageCounts
from common.db.engine import ConnectionFactory, SessionFactory
from common.errors import NotFound
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.replies import Replies
from common.people.second_factors import SecondFactors
from common.settings import Settings
from common.store import ArtifactStore, SignedLinks

if TYPE_CHECKING:  # Authlib and httpx take half a second: only where there is a provider
    from api.people.oidc.provider import Provider

EXTENSION = "clip_browser"
MAX_SUGGESTING = 8  # threads that may wait for suggestions while the others save captions
MAX_PATTERNS, PATTERNS_OF_ONE = 8, 4  # edits by a pattern, each in a child of its own
PATTERNS_AT_ONCE = 2  # children, 256 MiB each


@dataclass(frozen=True)
class Services:
    """The clients of one API process. `readers` are sessions that only read, `snapshots` from one moment,
    `rows` for a single row past the ORM.

    plain_images: the hashes of stored images that were looked at and need nothing taken out. suggesting:
    held by each request that waits for captions of similar images; searches, patterns: by those that wait
    for a search worker, or for the child that a pattern runs in. provider: the OpenID
    provider, where one is set. links: where browsers fetch pictures from the store themselves.
    """

    settings: Settings
    store: ArtifactStore
    queue: Queue
    sessions: SessionFactory
    readers: SessionFactory
    snapshots: SessionFactory
    rows: ConnectionFactory
    events: Events
    replies: Replies
    presence: Presence
    live_workers: LiveWorkers
    sign_ins: SignIns
    group_commit: GroupCommit
    token_cache: TokenCache
    roles: Roles
    searches: Places
    second_factors: SecondFactors
    second_factor_demand: SecondFactorDemand
    provider: Provider | None = None
    links: SignedLinks | None = None
    image_counts: ImageCounts = field(default_factory=ImageCounts)
    response_cache: ResponseCache = field(default_factory=ResponseCache)
    plain_images: set[str] = field(default_factory=set)
    refusals: Refusals = field(default_factory=Refusals)
    suggesting: Semaphore = field(default_factory=lambda: Semaphore(MAX_SUGGESTING))
    patterns: Places = field(
        default_factory=lambda: Places(MAX_PATTERNS, PATTERNS_OF_ONE, PATTERNS_AT_ONCE)
    )

    def require_provider(self) -> Provider:
        """The OpenID provider. Raises NotFound where none is set."""
        if self.provider is None:
            raise NotFound(
                "No OpenID provider is set here.",
                remedy="Sign in with a password; who runs the service sets CLIP_BROWSER_OIDC_ISSUER.",
            )
        return self.provider


def app_services() -> Services:
    """The services of the app that handles this request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
