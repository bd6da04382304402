"""What requests may hold. Unknown fields, wrong types and values out of range are `invalid_input`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask_openapi3.models import RawModel
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from api.openapi import KnownSchema
from common.captions.text import MAX_CAPTIONS
from common.images.filter import ImageFilter
from common.jobs.kinds import offered_kinds

MAX_ID = 2**63 - 1


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    if not text.isprintable():
        raise ValueError("it has a control character")
    return text.strip()


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it has a NUL character")
    return text


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_one_line)]
UserName = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]
Key = Annotated[str, Field(min_length=1, max_length=160), AfterValidator(_no_nul)]
Holder = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]
Text = Annotated[str, AfterValidator(_no_nul)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Limit = Annotated[int, Field(ge=1, le=200)]


class Request(KnownSchema):
    """Base of bodies, queries and paths: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(Request):
    """Base of JSON bodies: a number is not taken for a text, nor a text for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OptionalBody(Body):
    """Base of bodies that may be left out."""

    @model_validator(mode="before")
    @classmethod
    def _absent_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class Upload(RawModel):
    """A multipart body, read piece by piece."""

    mimetypes = ["multipart/form-data"]  # noqa: RUF012 - as flask-openapi3 declares it


class ImageUpload(RawModel):
    """Images or zips as a multipart body, or the ids of uploads that are whole as JSON."""

    mimetypes = ["multipart/form-data", "application/json"]  # noqa: RUF012 - as flask-openapi3 declares it


class Chunk(RawModel):
    """Bytes of an upload."""

    mimetypes = ["application/octet-stream"]  # noqa: RUF012 - as flask-openapi3 declares it


# -- paths


class DatasetPath(Request):
    """A dataset by its id."""

    dataset_id: Key


class DatasetFilePath(DatasetPath):
    """A file of a dataset."""

    name: Key


class ImagePath(Request):
    """An image by its id."""

    image_id: Id


class JobPath(Request):
    """A job by its id."""

    job_id: Key


class ModelPath(Request):
    """A model by its id, such as `ViT-B-32/openai` or a fine-tuned model's folder name."""

    model_id: Key


class TokenPath(Request):
    """A token by its id."""

    token_id: Id


# -- signing in


class Login(Body):
    """A user name and its password."""

    username: Annotated[str, Field(max_length=80), AfterValidator(_no_nul)]
    password: str = Field(max_length=1000)


class LinkToken(Body):
    """The token of a one-time sign-in link."""

    token: str = Field(max_length=200)


class NewToken(Body):
    """A name for a token, such as the script that will use it."""

    name: UserName


class NewUser(Body):
    """A person to let in."""

    name: UserName
    role: Literal["admin", "member"] = "member"


# -- datasets, images, captions


class NewDataset(Body):
    """A dataset's name; its id is made from it."""

    name: Name


class SampleDataset(OptionalBody):
    """An optional name for the sample dataset."""

    name: Name = "Sample shapes"


class ImageQuery(Request, ImageFilter):
    """A page of the images that fit a filter. by `me`: by the person who asks."""

    cursor: str | None = Field(None, pattern=r"^[0-9]{0,18}$")
    limit: Limit = 50


class NeighbourQuery(Request, ImageFilter):
    """How many images before and behind one that fit a filter."""

    before: int = Field(9, ge=0, le=100)
    after: int = Field(9, ge=0, le=100)


class ClaimQuery(Request):
    """after: the image that was just left; the next one after it is served."""

    after: Id | None = None
    holder: Holder | None = None


class HolderQuery(Request):
    """holder: the browser tab that claims; without it, the token or session that asks."""

    holder: Holder | None = None


class NewCaption(Body):
    """A caption, the revision it was typed over, and an id by which it is saved only once.

    text null takes the caption away. slot: 0 for the image's first caption, 1 for its second ...
    """

    text: str | None
    slot: int = Field(0, ge=0, lt=MAX_CAPTIONS)
    base_revision: int = Field(ge=0, le=2**31 - 1)
    client_id: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]


class JoinQuery(Request):
    """join: a job that has not begun, to which what is uploaded is added."""

    join: Key | None = None


class KnownFiles(Body):
    """The SHA-256 of files, in hexadecimal."""

    sha256: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(max_length=5000)


class NewUpload(Body):
    """A large file that will come in portions. fingerprint: what you know the same file by later."""

    name: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_one_line)]
    size_bytes: int = Field(ge=1, le=MAX_ID)
    fingerprint: Annotated[str, Field(max_length=200), AfterValidator(_no_nul)] = ""


class UploadPath(Request):
    """An upload by its id."""

    upload_id: Key


class WholeUploads(Body):
    """Uploads all of whose bytes have come."""

    uploads: list[Key] = Field(min_length=1, max_length=100)


class ExportQuery(Request):
    """In which form the captions come along, and which images."""

    captions: Literal["csv", "txt", "jsonl", "all"] = "csv"
    images: Literal["all", "captioned"] = "all"


# -- jobs


def _offered(kind: str) -> str:
    names = offered_kinds()
    if kind not in names:
        raise ValueError(f"it should be {', '.join(names[:-1])} or {names[-1]}")
    return kind


Kind = Annotated[
    str,
    AfterValidator(_offered),
    Field(json_schema_extra=lambda schema: schema.update(enum=offered_kinds())),
]


class NewJob(Body):
    """A job for a dataset. params: see the schema `params_<kind>`."""

    kind: Kind
    params: dict[str, Any] = Field(default_factory=dict)
    after_job_id: Key | None = None
    priority: int = Field(5, ge=0, le=9)


class JobQuery(Request):
    """Which jobs; newest first. state `active`: queued, running or stopping. group_id: of a sweep."""

    state: (
        Literal["active", "queued", "running", "stopping", "succeeded", "failed", "stopped"] | None
    ) = None
    kind: Key | None = None
    dataset_id: Key | None = None
    group_id: Key | None = None
    cursor: str | None = Field(None, pattern=r"^[0-9]{0,18}$")
    limit: Limit = 100


class Stop(OptionalBody):
    """save: write a checkpoint first; kill: end at once."""

    mode: Literal["save", "kill"] = "save"


class LogQuery(Request):
    """offset: characters already read."""

    offset: int = Field(0, ge=0, le=MAX_ID)


# -- models, search


class ForceQuery(Request):
    """force: also when something still uses it."""

    force: bool = False


class ModelQuery(Request):
    """A model's id."""

    model: Key | None = None


class SearchQuery(ModelQuery):
    """What to look for, with which model (left out: the one chosen for the dataset, else the one indexed last), and how many hits."""

    q: Annotated[Text, Field(max_length=2000)] | None = None
    like: Id | None = None
    k: int = Field(20, ge=1, le=1000)


class ImageSearchQuery(ModelQuery):
    """With which model, and how many hits."""

    k: int = Field(20, ge=1, le=1000)
