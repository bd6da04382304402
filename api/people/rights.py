"""What each route asks of who calls it: the one table, which `docs/roles.md` shows and tests walk.

A route that stands in no line here cannot be added to the app. The order of roles and scopes is in
`common/people/rights.py`, who has which in `api/people/access.py`, and `identity.py` asks at each request.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.people.rights import Role, Scope, scope_for


@dataclass(frozen=True)
class Right:
    """What may be done, by whom, and the routes that do it.

    role: in the dataset that the path names, by itself or by an image, a job, a model or a variant of it.
    None: no dataset is named, and everybody who has signed in may, with a token of this scope. by_maker: who
    made the thing may as well, whatever his role is, while he sees the dataset. admin: only administrators of the service.
    """

    does: str
    routes: tuple[str, ...]
    role: Role | None = None
    scope: Scope = "read"
    by_maker: bool = False
    admin: bool = False

    @property
    def needed_scope(self) -> Scope:
        """Of the token."""
        return scope_for(self.role) if self.role else self.scope


DATASET = "/api/v1/datasets/<dataset_id>"
IMAGE = "/api/v1/images/<int:image_id>"
JOB = "/api/v1/jobs/<job_id>"
MODEL = "/api/v1/models/<path:model_id>"
PERSON = "/api/v1/users/<int:user_id>"
TRASH = "/api/v1/trash"
WORKER = "/api/v1/workers/<name>"
_DATASET, _BATCH, _MODEL = "<trashed_dataset_id>", "<batch_id>", "<path:trashed_model_id>"

# Without a sign-in
OPEN = frozenset(
    {
        "GET /healthz",
        "GET /readyz",
        "GET /openapi.json",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/link",
        "GET /api/v1/auth/ways",
        "GET /api/v1/auth/oidc/start",
        "GET /api/v1/auth/oidc/callback",
        "GET /api/v1/auth/oidc/sign-out",
    }
)
# All that somebody may who has to set up a second factor first
BEFORE_SECOND_FACTOR = frozenset(
    {
        "GET /api/v1/auth/me",
        "POST /api/v1/auth/logout",
        "GET /api/v1/auth/second-factor",
        "POST /api/v1/auth/second-factor",
        "POST /api/v1/auth/second-factor/confirm",
    }
)
RIGHTS = (
    Right(
        "look at a dataset: its images, captions, history, team, words, variants and files; download it",
        (
            f"GET {DATASET}",
            f"GET {DATASET}/images",
            f"GET {DATASET}/images/ids",
            f"POST {DATASET}/images/known",
            f"GET {IMAGE}",
            f"GET {IMAGE}/file",
            f"GET {IMAGE}/thumb",
            f"GET {IMAGE}/neighbours",
            f"GET {IMAGE}/captions",
            f"GET {IMAGE}/suggestions",
            f"GET {DATASET}/team",
            f"GET {DATASET}/words",
            f"GET {DATASET}/synonyms",
            f"GET {DATASET}/variants",
            f"GET {DATASET}/files/<name>",
            f"GET {DATASET}/export.zip",
            f"GET {DATASET}/members",
            f"GET {DATASET}/groups",
        ),
        "viewer",
    ),
    Right(
        "search it, see its map and indexes",
        (
            f"GET {DATASET}/search",
            f"POST {DATASET}/search",
            f"GET {DATASET}/map",
            f"GET {DATASET}/indexes",
        ),
        "viewer",
    ),
    Right(
        "watch its jobs: progress, curves, log, plan",
        (f"GET {JOB}", f"GET {JOB}/log", f"GET {JOB}/metrics", f"GET {DATASET}/train-plan"),
        "viewer",
    ),
    Right(
        "look at and download its models",
        (f"GET {MODEL}", f"GET {MODEL}/download"),
        "viewer",
    ),
    Right(
        "caption: claim, save, flag; propose and dismiss suggestions",
        (
            f"POST {DATASET}/claim",
            f"POST {DATASET}/claims",
            f"POST {IMAGE}/claim",
            f"POST {IMAGE}/release",
            f"PUT {IMAGE}/caption",
            f"PUT {IMAGE}/flag",
            f"POST {DATASET}/suggestions",
            f"POST {IMAGE}/suggestions/dismiss",
        ),
        "captioner",
    ),
    Right(
        "review captions of others, mark many images",
        (f"PUT {IMAGE}/review", f"POST {DATASET}/marks"),
        "captioner",
    ),
    Right(
        "decide on variants of captions",
        ("PATCH /api/v1/variants/<int:variant_id>", f"POST {DATASET}/variants/decide"),
        "captioner",
    ),
    Right(
        "add and remove images, import captions",
        (
            f"POST {DATASET}/images",
            f"POST {DATASET}/captions",
            f"DELETE {IMAGE}",
            f"POST {DATASET}/images/delete",
        ),
        "manager",
    ),
    Right(
        "edit captions of many images at once, and take that back",
        (
            f"POST {DATASET}/edits",
            f"POST {DATASET}/edits/preview",
            f"POST {JOB}/undo",
        ),
        "manager",
    ),
    Right(
        "rename it, choose its model and its synonyms",
        (f"PATCH {DATASET}", f"PUT {DATASET}/model", f"PUT {DATASET}/synonyms"),
        "manager",
    ),
    Right(
        "start jobs: split, augment, train, index, map, sweeps",
        (
            f"POST {DATASET}/jobs",
            f"POST {DATASET}/train-probe",
            f"POST {DATASET}/sweep",
            f"POST {JOB}/clone",
            f"POST {MODEL}/blend",
        ),
        "manager",
    ),
    Right("resume and retry its jobs", (f"POST {JOB}/resume", f"POST {JOB}/retry"), "manager"),
    Right(
        "stop and move its jobs (whoever started one: that one)",
        (f"POST {JOB}/stop", f"PATCH {JOB}"),
        "manager",
        by_maker=True,
    ),
    Right(
        "name, tag, note and delete its models",
        (f"PATCH {MODEL}", f"DELETE {MODEL}"),
        "manager",
    ),
    Right(
        "say who is what in it",
        (
            f"PUT {DATASET}/members/<path:name>",
            f"DELETE {DATASET}/members/<path:name>",
            f"PUT {DATASET}/everyone",
            f"PUT {DATASET}/groups/<path:name>",
            f"DELETE {DATASET}/groups/<path:name>",
        ),
        "owner",
    ),
    Right("delete it", (f"DELETE {DATASET}",), "owner"),
    Right(
        "bring it back, or remove it for good",
        (f"POST {TRASH}/datasets/{_DATASET}/restore", f"DELETE {TRASH}/datasets/{_DATASET}"),
        "owner",
    ),
    Right(
        "bring back its images and models that were deleted",
        (f"POST {TRASH}/images/{_BATCH}/restore", f"POST {TRASH}/models/{_MODEL}/restore"),
        "manager",
    ),
    Right(
        "remove its images and models for good that were deleted",
        (f"DELETE {TRASH}/images/{_BATCH}", f"DELETE {TRASH}/models/{_MODEL}"),
        "owner",
    ),
    Right("see what was deleted and one may bring back", (f"GET {TRASH}",), scope="train"),
    Right("remove for good what one may", (f"DELETE {TRASH}",), scope="admin"),
    Right("leave a dataset that one was added to", (f"POST {DATASET}/leave",), "viewer"),
    Right(
        "see who one is, what runs, which datasets, models and people there are",
        (
            "GET /api/v1/auth/me",
            "POST /api/v1/auth/logout",
            "GET /api/v1/datasets",
            "GET /api/v1/jobs",
            "GET /api/v1/queues/<name>",
            "GET /api/v1/queues/<name>/history",
            "GET /api/v1/workers",
            "GET /api/v1/models",
            "GET /api/v1/system",
            "GET /api/v1/synonyms",
            "POST /api/v1/synonyms/check",
            "GET /api/v1/tokenizer/merges.txt",
            "GET /api/v1/users",
        ),
    ),
    Right("read the figures for Prometheus", ("GET /metrics",), scope="metrics"),
    Right(
        "make datasets, and upload files for them",
        (
            "POST /api/v1/datasets",
            "POST /api/v1/datasets/sample",
            "POST /api/v1/uploads",
            "GET /api/v1/uploads/<upload_id>",
            "PUT /api/v1/uploads/<upload_id>",
            "DELETE /api/v1/uploads/<upload_id>",
        ),
        scope="train",
    ),
    Right("bring in models", ("POST /api/v1/models",), scope="train"),
    Right(
        "one's own password, sessions and tokens",
        (
            "PUT /api/v1/auth/password",
            "GET /api/v1/sessions",
            "DELETE /api/v1/sessions",
            "DELETE /api/v1/sessions/<int:token_id>",
            "GET /api/v1/tokens",
            "POST /api/v1/tokens",
            "DELETE /api/v1/tokens/<int:token_id>",
        ),
        scope="admin",
    ),
    Right(
        "how one signs in: identities at a provider, the second factor",
        (
            "POST /api/v1/auth/oidc/link",
            "GET /api/v1/auth/identities",
            "DELETE /api/v1/auth/identities/<int:identity_id>",
            "GET /api/v1/auth/second-factor",
            "POST /api/v1/auth/second-factor",
            "POST /api/v1/auth/second-factor/confirm",
            "POST /api/v1/auth/second-factor/recovery-codes",
            "POST /api/v1/auth/second-factor/off",
        ),
        scope="admin",
    ),
    Right(
        "see who has a second factor, and reset it",
        ("GET /api/v1/second-factors", f"DELETE {PERSON}/second-factor"),
        scope="admin",
        admin=True,
    ),
    Right(
        "let people in, see where they are signed in, rename, disable and remove them, give them links and roles",
        (
            "POST /api/v1/users",
            f"GET {PERSON}",
            f"PATCH {PERSON}",
            f"DELETE {PERSON}",
            f"POST {PERSON}/link",
            f"DELETE {PERSON}/tokens",
            f"DELETE {PERSON}/tokens/<int:token_id>",
        ),
        scope="admin",
        admin=True,
    ),
    Right(
        "pause queues, and limit how many of their jobs run at once",
        (
            "POST /api/v1/queues/<name>/pause",
            "POST /api/v1/queues/<name>/resume",
            "PUT /api/v1/queues/<name>/limits",
        ),
        scope="admin",
        admin=True,
    ),
    Right(
        "drain, pause, stop, resize and forget workers, and read their logs",
        (
            f"POST {WORKER}/drain",
            f"POST {WORKER}/pause",
            f"POST {WORKER}/resume",
            f"POST {WORKER}/stop",
            f"PUT {WORKER}/concurrency",
            f"DELETE {WORKER}",
            f"GET {WORKER}/log",
        ),
        scope="admin",
        admin=True,
    ),
    Right("change the shared synonyms", ("PUT /api/v1/synonyms",), scope="admin", admin=True),
    Right(
        "see what was done in the datasets that one owns (administrators: everywhere)",
        ("GET /api/v1/audit", "GET /api/v1/audit/export"),
        scope="admin",
    ),
    Right(
        "clean up what is old",
        ("GET /api/v1/retention", "POST /api/v1/retention"),
        scope="admin",
        admin=True,
    ),
)
_BY_ROUTE = {route: right for right in RIGHTS for route in right.routes}


def right_of(method: str, rule: str) -> Right:
    """What a route asks for that is not open. Raises KeyError for one that stands nowhere."""
    route = _named(method, rule)
    return _BY_ROUTE[route]


def is_open(method: str, rule: str) -> bool:
    """Whether a route needs no sign-in."""
    return _named(method, rule) in OPEN


def is_before_second_factor(method: str, rule: str) -> bool:
    """Whether a route is for those, too, who have to set up a second factor first."""
    return _named(method, rule) in BEFORE_SECOND_FACTOR


def listed() -> set[str]:
    """All routes that stand here."""
    return {*OPEN, *_BY_ROUTE}


def _named(method: str, rule: str) -> str:
    return f"{'GET' if method == 'HEAD' else method} {rule}"
