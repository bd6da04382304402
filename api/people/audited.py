"""What goes into the audit log by itself: these routes, once they have done what they were asked for."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from api.people.rights import DATASET, IMAGE, JOB, MODEL, PERSON, TRASH, WORKER
from api.services import app_services
from common.logs import Event, tell
from common.people.audit import note

log = logging.getLogger(__name__)
ACTS = {
    "POST /api/v1/auth/login": "session.begin",
    "POST /api/v1/auth/link": "session.begin",
    "POST /api/v1/auth/logout": "session.end",
    "POST /api/v1/tokens": "token.make",
    "DELETE /api/v1/tokens/<int:token_id>": "token.delete",
    "PUT /api/v1/auth/password": "password.change",
    "DELETE /api/v1/sessions": "session.end",
    "DELETE /api/v1/sessions/<int:token_id>": "session.end",
    "POST /api/v1/users": "person.invite",
    f"PATCH {PERSON}": "person.change",
    f"DELETE {PERSON}": "person.remove",
    f"POST {PERSON}/link": "person.link",
    f"DELETE {PERSON}/tokens": "token.delete",
    f"DELETE {PERSON}/tokens/<int:token_id>": "token.delete",
    "DELETE /api/v1/auth/identities/<int:identity_id>": "identity.unlink",
    "POST /api/v1/auth/second-factor/confirm": "second-factor.begin",
    "POST /api/v1/auth/second-factor/recovery-codes": "second-factor.renew",
    "POST /api/v1/auth/second-factor/off": "second-factor.end",
    f"DELETE {PERSON}/second-factor": "second-factor.reset",
    "POST /api/v1/datasets": "dataset.make",
    "POST /api/v1/datasets/sample": "dataset.make",
    f"PATCH {DATASET}": "dataset.rename",
    f"DELETE {DATASET}": "dataset.delete",
    f"GET {DATASET}/export.zip": "dataset.export",
    f"GET {DATASET}/files/<name>": "dataset.export",
    f"PUT {DATASET}/members/<path:name>": "role.give",
    f"DELETE {DATASET}/members/<path:name>": "role.take",
    f"POST {DATASET}/leave": "role.take",
    f"PUT {DATASET}/groups/<path:name>": "role.give",
    f"DELETE {DATASET}/groups/<path:name>": "role.take",
    f"PUT {DATASET}/everyone": "role.everyone",
    f"POST {DATASET}/images/delete": "images.delete",
    f"DELETE {IMAGE}": "images.delete",
    f"POST {DATASET}/captions": "captions.import",
    f"POST {DATASET}/edits": "captions.edit",
    f"POST {JOB}/undo": "captions.undo",
    f"POST {JOB}/stop": "job.stop",
    f"POST {JOB}/resume": "job.resume",
    f"POST {JOB}/retry": "job.retry",
    f"PATCH {JOB}": "job.move",
    f"POST {DATASET}/jobs": "job.start",
    f"POST {DATASET}/sweep": "job.start",
    f"POST {JOB}/clone": "job.start",
    f"POST {MODEL}/blend": "job.start",
    f"PATCH {MODEL}": "model.change",
    f"DELETE {MODEL}": "model.delete",
    f"GET {MODEL}/download": "model.export",
    "POST /api/v1/models": "model.import",
    f"POST {TRASH}/datasets/<trashed_dataset_id>/restore": "trash.restore",
    f"POST {TRASH}/images/<batch_id>/restore": "trash.restore",
    f"POST {TRASH}/models/<path:trashed_model_id>/restore": "trash.restore",
    f"DELETE {TRASH}/datasets/<trashed_dataset_id>": "trash.remove",
    f"DELETE {TRASH}/images/<batch_id>": "trash.remove",
    f"DELETE {TRASH}/models/<path:trashed_model_id>": "trash.remove",
    f"DELETE {TRASH}": "trash.empty",
    "POST /api/v1/queues/<name>/pause": "queue.pause",
    "POST /api/v1/queues/<name>/resume": "queue.resume",
    "PUT /api/v1/queues/<name>/limits": "queue.limit",
    f"POST {WORKER}/drain": "worker.drain",
    f"POST {WORKER}/pause": "worker.pause",
    f"POST {WORKER}/resume": "worker.resume",
    f"POST {WORKER}/stop": "worker.stop",
    f"PUT {WORKER}/concurrency": "worker.resize",
    f"DELETE {WORKER}": "worker.forget",
    "PUT /api/v1/synonyms": "synonyms.change",
    "POST /api/v1/retention": "retention.run",
    f"POST {DATASET}/marks": "captions.mark",
    f"PUT {DATASET}/model": "dataset.model",
    f"PUT {DATASET}/synonyms": "synonyms.change",
    "GET /api/v1/audit/export": "audit.export",
}
# Each of these leaves a line, for as long as they are few (`refusals.py`); too many tries are refused with 429.
REFUSED = {
    "POST /api/v1/auth/login": "session.refuse",
    "POST /api/v1/auth/link": "session.refuse",
}
REASONS = {401: "wrong", 429: "too many"}
# These change something and are not noted. What is typed, drawn or decided has histories of its own, with
# who did it and when; the rest is announced, asked or tried, and what comes of it is noted or is a job.
NOT_NOTED = frozenset(
    {
        f"POST {DATASET}/claim",
        f"POST {DATASET}/claims",
        f"POST {IMAGE}/claim",
        f"POST {IMAGE}/release",
        f"PUT {IMAGE}/caption",
        f"PUT {IMAGE}/flag",
        f"PUT {IMAGE}/review",
        f"POST {IMAGE}/suggestions/dismiss",
        f"POST {DATASET}/suggestions",
        "PATCH /api/v1/variants/<int:variant_id>",
        f"POST {DATASET}/variants/decide",
        f"POST {DATASET}/images",
        f"POST {DATASET}/images/known",
        f"POST {DATASET}/search",
        f"POST {DATASET}/edits/preview",
        f"POST {DATASET}/train-probe",
        "POST /api/v1/synonyms/check",
        "POST /api/v1/auth/oidc/link",  # noted when the provider has answered
        "POST /api/v1/auth/second-factor",  # noted when it is confirmed
        "POST /api/v1/uploads",
        "PUT /api/v1/uploads/<upload_id>",
        "DELETE /api/v1/uploads/<upload_id>",
    }
)
BY_ITSELF = ("trash.expire",)  # what the service does, `common/trash/expiry.py`


def note_acts(app: Flask) -> None:
    """Write the log after each request of such a route."""
    app.after_request(_note)


def known_acts() -> list[str]:
    """All that the log may hold."""
    return sorted({*ACTS.values(), *REFUSED.values(), *BY_ITSELF})


def note_details(**details: Any) -> None:
    """More about this request than its address says: what was chosen, and what was before."""
    g.audit_details = {**g.get("audit_details", {}), **details}


def note_dataset(dataset_id: str) -> None:
    """The dataset that this request has made."""
    g.dataset_id = dataset_id


def note_actor(name: str) -> None:
    """Who it is that signs in, or tries to, with this request."""
    g.audit_actor = name


def note_act(act: str | None) -> None:
    """What this request did, where its route and its status do not tell; None: nothing to speak of."""
    g.audit_act = act


def _note(response: Response) -> Response:
    rule = request.url_rule
    route = f"{request.method} {rule.rule}" if rule is not None else ""
    act: str | None
    if "audit_act" in g:
        act = g.audit_act
    elif response.status_code < 400:
        act = ACTS.get(route)
    else:
        act = REFUSED.get(route) if _is_noted_refusal(route, response.status_code) else None
    if act is not None:
        _tell_sign_in(act)
        _write(act, request.view_args or {}, g.get("access"))
    return response


def _is_noted_refusal(route: str, status: int) -> bool:
    if route not in REFUSED or status not in REASONS:
        return False
    unnoted = app_services().refusals.admit(request.remote_addr or "")
    if unnoted is None:
        return False
    note_details(reason=REASONS[status], **({"not_noted_before": unnoted} if unnoted else {}))
    return True


def _tell_sign_in(act: str) -> None:
    """Signing in, or being refused, is said in the log of the process too; what was typed as a password never is."""
    name, details = g.get("audit_actor", ""), g.get("audit_details", {})
    way = details.get("by") or request.path.rpartition("/")[2]
    client = request.remote_addr or ""
    facts = {**details, "name": name or details.get("shown", ""), "client": client, "way": way}
    if act == "session.begin":
        tell(log, Event.SIGNED_IN, f"{name} has signed in from {client}", **facts)
    elif act == "session.refuse":
        reason = facts.setdefault("reason", "not let in")
        message = f"a sign-in from {client} was refused: {reason}"
        tell(log, Event.SIGN_IN_FAILED, message, logging.WARNING, **facts)


def _write(act: str, named: dict[str, Any], who: Any) -> None:
    kind, key = next(iter(named.items()), ("", ""))
    via = "session" if "token" not in g else g.token.kind
    try:
        with app_services().sessions() as session:
            note(
                session,
                who.name if who else g.get("audit_actor", ""),
                act,
                f"{kind.removesuffix('_id')}:{key}" if kind else "",
                dataset_id=g.get("dataset_id"),
                via=via,
                address=request.remote_addr or "",
                details=g.get("audit_details"),
            )
    except SQLAlchemyError:  # what was done is done
        log.exception("%s was not noted in the audit log", act)
