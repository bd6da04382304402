"""Roles and scopes: the words and their order, and nothing else.

A role is what a person is in one dataset, a scope is what a token is for. Each scope covers what its role
may do, so a token can do what both allow: the role of its person, and at most that of its scope.

    viewer     read       looks, searches, downloads
    captioner  caption    and captions, flags, reviews
    manager    train      and adds and removes images, edits in bulk, starts and stops jobs
    owner      admin      and says who may do what, and removes the dataset

The scope `metrics` is below them all: for a machine that reads /metrics, and nothing else.
Administrators of the service are owners everywhere. What each route asks for: `api/people/rights.py`.
"""

from __future__ import annotations

from typing import Literal

Role = Literal["viewer", "captioner", "manager", "owner"]
Scope = Literal["metrics", "read", "caption", "train", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "captioner", "manager", "owner")
OF_ROLES: tuple[Scope, ...] = ("read", "caption", "train", "admin")
METRICS: Scope = "metrics"
SCOPES: tuple[Scope, ...] = (METRICS, *OF_ROLES)


def covers(role: Role | None, needed: Role) -> bool:
    """Whether somebody with this role may do what `needed` may; None: he has none."""
    return role is not None and ROLES.index(role) >= ROLES.index(needed)


def includes(scope: Scope, needed: Scope) -> bool:
    """Whether a token of this scope may do what one of scope `needed` may."""
    return SCOPES.index(scope) >= SCOPES.index(needed)


def higher(one: Role | None, other: Role | None) -> Role | None:
    """The one that may do more."""
    return one if other is None or covers(one, other) else other


def capped(role: Role | None, scope: Scope) -> Role | None:
    """What is left of a role through a token of this scope."""
    if role is None or scope == METRICS:
        return None
    return ROLES[min(ROLES.index(role), OF_ROLES.index(scope))]


def scope_for(role: Role) -> Scope:
    """The scope that a token needs to do what this role may."""
    return OF_ROLES[ROLES.index(role)]
