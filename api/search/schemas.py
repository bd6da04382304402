"""Searching and the map: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.answer import Answer, Moment, Number
from api.request import Id, Key, Request, Text


class MapQuery(Request):
    """Whose embeddings the map was drawn from; left out: the model indexed last."""

    model: Key | None = None


class ImageSearchQuery(Request):
    """With which model (left out: the one chosen for the dataset, else the one indexed last), and how many hits."""

    model: Key | None = None
    k: int = Field(20, ge=1, le=1000)


class SearchQuery(ImageSearchQuery):
    """What to look for: a text, or what is like an image of the dataset."""

    q: Annotated[Text, Field(max_length=2000)] | None = None
    like: Id | None = None


class Hit(Answer):
    """An image that was found."""

    image_id: int
    score: Number
    caption: str | None
    filename: str
    width: int
    height: int
    thumb_url: str
    url: str


class SearchedIndex(Answer):
    """The index that was searched. images: so many are in it."""

    model_id: str
    images: int
    dim: int
    job_id: str | None
    created_at: Moment


class SearchAnswer(Answer):
    """The images nearest to what was asked for, best first."""

    hits: list[Hit]
    model: str
    index: SearchedIndex
    took_ms: Number


class Cluster(Answer):
    """A group of like images on the map, labelled by what sets its captions apart."""

    id: int
    label: str
    size: int


class MapAnswer(Answer):
    """Every image as a point: `[x, y, cluster, image_id]`. model, index_job_id: whose embeddings these are."""

    points: list[tuple[Number, Number, int, int]]
    clusters: list[Cluster]
    model: str
    index_job_id: str | None
    created_at: Moment
