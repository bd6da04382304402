"""The database's tables, by capability. The only truth for state; SQLite (WAL) and PostgreSQL alike.

Importing the package makes all of them known, which migrations and foreign keys need.
"""

from common.db.tables.augment import Variant
from common.db.tables.backups import Backup
from common.db.tables.base import Base, BigId, UtcDateTime, now
from common.db.tables.captions import Caption, CaptionRevision, Review, Suggestion
from common.db.tables.datasets import Dataset
from common.db.tables.fleet import JobLimit, QueueSample, Worker
from common.db.tables.identities import (
    GroupRole,
    Identity,
    RecoveryCode,
    SecondFactor,
    UserGroup,
)
from common.db.tables.images import Image, ImageSource
from common.db.tables.jobs import Job, JobEnd, JobLog, JobMetric, PausedQueue, Tally
from common.db.tables.models import Model
from common.db.tables.people import AuditEvent, FormerName, Member, Token, User
from common.db.tables.schema import SchemaWriter
from common.db.tables.search import SearchIndex
from common.db.tables.trash import TrashedImage, TrashedModel

__all__ = [
    "AuditEvent",
    "Backup",
    "Base",
    "BigId",
    "Caption",
    "CaptionRevision",
    "Dataset",
    "FormerName",
    "GroupRole",
    "Identity",
    "Image",
    "ImageSource",
    "Job",
    "JobEnd",
    "JobLimit",
    "JobLog",
    "JobMetric",
    "Member",
    "Model",
    "PausedQueue",
    "QueueSample",
    "RecoveryCode",
    "Review",
    "SchemaWriter",
    "SearchIndex",
    "SecondFactor",
    "Suggestion",
    "Tally",
    "Token",
    "TrashedImage",
    "TrashedModel",
    "User",
    "UserGroup",
    "UtcDateTime",
    "Variant",
    "Worker",
    "now",
]
