"""All settings, once: `load_settings()` reads the environment, everything else gets the frozen object.

Every field is an environment variable `CLIP_BROWSER_<NAME>`; `.env.example` lists them all. Those that
hold a secret may stand in a file instead, named by `CLIP_BROWSER_<NAME>_FILE`.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.errors import InvalidInput

MIB = 1024 * 1024
MAX_API_PROCESSES = 4  # unless more are asked for: the workers need cores, too

SECRETS = (
    "secret_key",
    "admin_password",
    "oidc_client_secret",
    "llm_api_key",
    "database_url",
    "redis_url",
    "store_url",
    "backup_to",  # a bucket's has a secret
)
OPEN_TO_ALL = ("accounts.google.com",)  # providers at which anybody may make an account
_LOCAL = (("http", "localhost"), ("http", "127.0.0.1"), ("http", "::1"))


class Settings(BaseSettings):
    """The service's settings. Empty URLs mean the embedded stack's own, below `data_dir`."""

    model_config = SettingsConfigDict(env_prefix="CLIP_BROWSER_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Folder of the embedded stack's data.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in data_dir.")
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Redis, Valkey or compatible.")
    store_url: str = Field(
        "", description="file:///dir or s3://key:secret@host:port/bucket?secure=0; empty: data_dir."
    )
    store_public_url: str = Field(
        "",
        description="Address of the S3 store as browsers see it; empty: pictures pass through the API.",
    )
    secret_key: str = Field("", description="Signs cookies; at least 16 characters.")
    admin_password: str = Field("", description="Password of user admin, used at the first start.")
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    public_url: str = Field("", description="Address people type; empty: http://host:port.")
    device: str = Field(
        "auto", pattern="^(auto|cpu|cuda(:[0-9]+)?)$", description="auto, cpu or cuda."
    )
    cookie_secure: bool = Field(False, description="Send the cookie over HTTPS only.")
    trusted_proxies: str = Field(
        "", description="Addresses or networks of the proxies in front, separated by commas."
    )
    everyone_role: str = Field(
        "captioner",
        pattern="^(viewer|captioner|manager)?$",
        description="What every member is in a new dataset: viewer, captioner, manager; empty: only who is added.",
    )
    require_second_factor: str = Field(
        "",
        pattern="^(administrators|everyone)?$",
        description="Who must set up a second factor: administrators or everyone; empty: nobody.",
    )
    oidc_client_id: str = Field("", description="What the provider calls this service.")
    oidc_client_secret: str = Field("", description="Its secret; empty: a public client.")
    oidc_name: str = Field("single sign-on", max_length=60, description="As the button names it.")
    oidc_scopes: str = Field("openid profile email", description="What the provider is asked for.")
    oidc_groups_claim: str = Field("groups", description="Claim that lists somebody's groups.")
    oidc_admin_groups: str = Field("", description="Groups that make administrators.")
    oidc_allowed_groups: str = Field("", description="Groups that may come in; empty: all.")
    oidc_allowed_domains: str = Field("", description="Of verified mail; empty: all.")
    oidc_only: bool = Field(False, description="No passwords; links for administrators alone.")
    oidc_issuer: str = Field(  # last, as it is held against the others
        "", validate_default=True, description="Address of the OpenID provider; empty: none."
    )
    session_days: int = Field(30, ge=1, le=365, description="Days until a sign-in ends.")
    max_upload_mib: int = Field(4096, ge=1, description="Largest upload in MiB.")
    person_quota_gib: float | None = Field(
        None, gt=0, description="GiB of images and uploads one person may have; empty: no limit."
    )
    service_quota_gib: float | None = Field(
        None, gt=0, description="GiB of images and uploads of all together; empty: no limit."
    )
    max_image_mib: int = Field(64, ge=1, description="Largest single image file in MiB.")
    max_image_megapixels: int = Field(100, ge=1, description="Largest image in megapixels.")
    keep_image_metadata: bool = Field(
        False, description="Whether images keep EXIF, XMP and comments, with places and owners."
    )
    lease_s: float = Field(
        30.0, ge=1, description="Seconds a worker owns a job without a heartbeat."
    )
    reap_every_s: float = Field(5.0, ge=0.5, description="Seconds between looks for lost jobs.")
    checkpoint_every_s: float = Field(
        60.0, ge=0, description="Seconds of training between checkpoints, at most."
    )
    train_memory_gb: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="GB of memory a training may take; empty: all there is.",
    )
    stop_grace_s: float = Field(20.0, ge=0, description="Seconds a stopped child may use to save.")
    claim_minutes: float = Field(
        5.0, gt=0, description="Minutes an image stays claimed by a captioner."
    )
    max_attempts: int = Field(
        3, ge=1, le=20, description="Times a job is tried: its worker lost, or a service silent."
    )
    retry_pause_s: float = Field(
        20.0,
        ge=0.1,
        le=600,
        description="Seconds until a job is tried again; then three times that.",
    )
    keep_jobs_days: int = Field(
        365,
        ge=0,
        description="Days an ended job is kept that made nothing that lasts; 0: for ever.",
    )
    keep_logs_days: int = Field(365, ge=0, description="Days the log of an ended job is kept.")
    keep_metrics_days: int = Field(0, ge=0, description="Days the series of an ended job are kept.")
    keep_uploads_days: int = Field(14, ge=0, description="Days an upload is kept that no job took.")
    keep_trash_days: int = Field(
        30, ge=0, description="Days what is deleted can be brought back; 0: it is gone at once."
    )
    keep_audit_days: int = Field(365, ge=0, description="Days the audit log is kept.")
    keep_orphans_days: int = Field(30, ge=0, description="Days a file is kept that no row names.")
    backup_to: str = Field(
        "",
        description="Folder or bucket of scheduled backups (docs/backup.md); empty: none are made.",
    )
    backup_every_hours: float = Field(24.0, gt=0, description="Hours between scheduled backups.")
    backup_keep: int = Field(7, ge=1, description="Scheduled backups that are kept there.")
    llm_model: str = Field(
        "Qwen/Qwen2.5-1.5B-Instruct-AWQ", description="Paraphrasing model: hub name or folder."
    )
    llm_base_url: str = Field("", description="OpenAI-compatible endpoint to use in place of vLLM.")
    llm_api_key: str = Field("", description="Key for llm_base_url.")
    llm_private_addresses: bool = Field(
        False, description="Whether llm_base_url may be on this machine or a private network."
    )
    llm_requests: int = Field(
        4, ge=1, le=256, description="Requests to llm_base_url that are under way at once."
    )
    llm_timeout_s: float = Field(
        120.0, gt=0, description="Seconds llm_base_url has for one caption, repeats included."
    )
    tensorboard_url: str = Field("", description="Address of TensorBoard, linked from each run.")
    api_processes: int | None = Field(
        None, ge=1, le=64, description="Processes of the API; empty: one a core, at most four."
    )
    api_threads: int = Field(
        512, ge=8, description="Requests that each API process serves at once."
    )
    api_sockets: int = Field(
        6000, ge=1, description="WebSockets that each API process holds: a dashboard has one."
    )
    log_format: str = Field(
        "text", pattern="^(text|json)$", description="How log lines are written: text or json."
    )
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="What is logged: debug, info, warning or error.",
    )
    stack: str = Field("external", pattern="^(embedded|external)$", description="Set by `up`.")

    @field_validator(
        "train_memory_gb", "api_processes", "person_quota_gib", "service_quota_gib", mode="before"
    )
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("backup_to")
    @classmethod
    def _takes_many_backups(cls, value: str) -> str:
        if value.lower().endswith(".zip"):
            raise ValueError(
                "a zip holds one backup; a folder or a bucket takes one after the other"
            )
        return value

    @field_validator("public_url", "store_public_url", "llm_base_url", "tensorboard_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a whole address is needed, such as https://clips.example.org")
        if parts.username or parts.query or parts.fragment or not value.isprintable():
            raise ValueError("it takes scheme, host, port and path, and nothing else")
        return value

    @field_validator("store_public_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        """A path would be part of what is signed, and the store does not know it."""
        if urlsplit(value).path not in ("", "/"):
            raise ValueError("it takes scheme, host and port, and nothing else")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _names_networks(cls, value: str) -> str:
        _networks(value)
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_provider(cls, value: str, info: ValidationInfo) -> str:
        """Raises ValueError on a provider that cannot work, or that would let in the whole world."""
        if not value:
            if info.data.get("oidc_only"):
                raise ValueError("with clip_browser_oidc_only nobody could sign in")
            return value
        issuer = urlsplit(value)
        if issuer.scheme != "https" and (issuer.scheme, issuer.hostname) not in _LOCAL:
            raise ValueError("it must begin with https://")
        if not info.data.get("oidc_client_id"):
            raise ValueError("clip_browser_oidc_client_id is missing")
        if "openid" not in info.data.get("oidc_scopes", "").split():
            raise ValueError("clip_browser_oidc_scopes must have openid")
        limits = ("oidc_allowed_groups", "oidc_allowed_domains")
        if issuer.hostname in OPEN_TO_ALL and not any(info.data.get(name) for name in limits):
            raise ValueError(
                "everybody can have an account there; set clip_browser_oidc_allowed_domains"
            )
        return value

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the proxies whose word about a request's sender counts."""
        return _networks(self.trusted_proxies)

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'clip-browser.db'}"

    @property
    def store(self) -> str:
        """The artifact store's URL in use."""
        return self.store_url or f"file://{self.data_dir.resolve()}"

    @property
    def address(self) -> str:
        """The address people open, without a slash at the end."""
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return (self.public_url or f"http://{shown}:{self.port}").rstrip("/")

    @property
    def processes(self) -> int:
        """How many processes the API has on this machine."""
        return self.api_processes or min(MAX_API_PROCESSES, _cores())

    @property
    def work_dir(self) -> Path:
        """Scratch space of this machine's workers: checkpoints, caches."""
        return self.data_dir.resolve() / "work"

    @property
    def weights_dir(self) -> Path:
        """Where pretrained weights may be placed by hand: <model>/<tag>.safetensors or .pt."""
        return self.data_dir.resolve() / "weights"


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS


def _networks(listed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Raises ValueError when one of them is neither an address nor a network."""
    return tuple(ip_network(part.strip()) for part in listed.split(",") if part.strip())


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with overrides on top. Raises InvalidInput on a bad value."""
    try:
        return Settings(**{**_read_secrets(), **overrides})
    except ValidationError as bad:
        first = bad.errors()[0]
        name = "CLIP_BROWSER_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidInput(
            f"{name} is {first.get('input')!r}: {first['msg'].lower()}",
            remedy=f"Set {name} to a fitting value; .env.example lists all settings.",
        ) from bad


def _read_secrets() -> dict[str, str]:
    """The secrets that stand in files. An empty file is a secret that is not set.

    Raises InvalidInput for one that cannot be read, and for one that is given in both ways.
    """
    found: dict[str, str] = {}
    for name in SECRETS:
        variable = f"CLIP_BROWSER_{name.upper()}"
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            continue
        try:
            value = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise InvalidInput(
                f"{variable}_FILE is {path!r}, which cannot be read: {problem}",
                remedy=f"Let the user of this process read it, or set {variable}.",
            ) from problem
        if value and os.environ.get(variable):
            raise InvalidInput(
                f"{variable} and {variable}_FILE are both set.", remedy="Set one of the two."
            )
        if value:
            found[name] = value
    return found


def require_secret_key(settings: Settings) -> None:
    """Raises InvalidInput when the secret that signs cookies is missing or short."""
    if len(settings.secret_key) < 16:
        raise InvalidInput(
            f"CLIP_BROWSER_SECRET_KEY has {len(settings.secret_key)} characters; at least 16 are needed",
            remedy="Set it, or the file that CLIP_BROWSER_SECRET_KEY_FILE names, to a long random text.",
        )


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment that makes `load_settings()` give the same settings in a child process.

    A secret that came from a file stays in the file.
    """
    in_files = _read_secrets()
    kept = {name for name, value in in_files.items() if getattr(settings, name) == value}
    named = {
        f"CLIP_BROWSER_{name.upper()}": "" if value is None else str(value)
        for name, value in settings.model_dump().items()
        if name not in kept
    }
    replaced = {f"CLIP_BROWSER_{name.upper()}_FILE" for name in in_files.keys() - kept}
    inherited = {name: value for name, value in os.environ.items() if name not in replaced}
    return {**inherited, **named}
