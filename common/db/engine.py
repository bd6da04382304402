"""Opening the database: engine, sessions, migrations."""

from __future__ import annotations

import fcntl
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session

from common.logs import Event, tell

log = logging.getLogger(__name__)
T = TypeVar("T")
SessionFactory = Callable[[], AbstractContextManager[Session]]
ConnectionFactory = Callable[[], AbstractContextManager[Connection]]
BUSY_TIMEOUT_MS = 30_000
IMPATIENT_MS = 5_000
POOL_SIZE, POOL_OVERFLOW = 10, 60  # connections kept, and opened beside them when many ask at once
LEAST_OVERFLOW = 10
ROOMS = 32  # in which those wait who wait for the same name
PING_AFTER_S = 1.0  # of rest, a connection is tried before it is used
# A PostgreSQL that no longer answers (a cut cable) is an error in much less than a job's lease.
SILENT_SERVER = {
    "connect_timeout": 5,  # s
    "keepalives_idle": 5,  # s; then two times 2 s
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,  # ms
}

# The server, too, notices within seconds that the machine of a client has gone: its locks are free then.
NOTICE_DEAD_CLIENT = {
    "tcp_keepalives_idle": 5,  # s
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 2,
}


def open_engine(
    url: str, *, processes: int = 1, kept: int = POOL_SIZE, is_watched: bool = False
) -> Engine:
    """An engine for SQLite (WAL, foreign keys, waits for locks) or PostgreSQL (psycopg 3).

    processes: how many processes of the same kind share the connections that one would take.
    kept: how many connections stay open while nobody uses them; those beyond are closed after each use.
    is_watched: a PostgreSQL that falls silent is an error within four seconds, see `common/db/watched.py`.
    A failed query does not tell its parameters: what somebody wrote belongs into no log.
    """
    pool = {
        "pool_size": max(1, kept // processes),
        "max_overflow": max(LEAST_OVERFLOW, POOL_OVERFLOW // processes),
    }
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
            hide_parameters=True,
            **pool,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, connect_args=SILENT_SERVER, hide_parameters=True, **pool)
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _ping_after_rest)
    if is_watched:
        _watch(engine)
    return engine


def _watch(engine: Engine) -> None:
    from common.db.watched import ServerWatch, connect_watched  # psycopg: not where there is SQLite

    watch = ServerWatch()

    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        return connect_watched(watch, *arguments, **options)

    event.listen(engine, "do_connect", connect)


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _ping_after_rest(connection: Any, record: Any, _proxy: Any) -> None:
    """Look whether the server is there still, as `pool_pre_ping` does each time; busy ones need no look."""
    if time.monotonic() - record.info.get("used", time.monotonic()) < PING_AFTER_S:
        return
    from psycopg import Error  # not where there is SQLite

    try:
        # one trip to the server, where a transaction has three
        connection.autocommit = True
        connection.execute("SELECT 1")
        connection.autocommit = False
    except Error as problem:
        raise DisconnectionError("the connection was cut while nobody used it") from problem


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_immediate
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # what is told as saved survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.autocommit = True  # a SET within a transaction would go with its rollback
    # Compiling costs our queries 50 to 90 ms, and saves them less.
    connection.execute("SET jit = off")
    connection.autocommit = False


def _begin_immediate(connection: Any) -> None:
    """Take the write lock at once: a read that turns into a write would fail with 'locked'."""
    options = connection.get_execution_options()
    if not options.get("begin", True):
        return
    patience_ms = options.get("busy_timeout_ms", BUSY_TIMEOUT_MS)
    if connection.info.get("busy_timeout_ms", BUSY_TIMEOUT_MS) != patience_ms:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={patience_ms}")
        connection.info["busy_timeout_ms"] = patience_ms
    connection.exec_driver_sql("BEGIN" if options.get("read_only", False) else "BEGIN IMMEDIATE")


def session_factory(engine: Engine) -> SessionFactory:
    """`with sessions() as session:` commits at the end, rolls back on an exception."""

    @contextmanager
    def open_session() -> Iterator[Session]:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    return open_session


def reader_factory(engine: Engine) -> SessionFactory:
    """Sessions that only read: on SQLite they never wait for a writer."""
    return session_factory(engine.execution_options(read_only=True))


def quick_reader_factory(engine: Engine) -> SessionFactory:
    """The same for short answers: on PostgreSQL each query stands for itself, without a transaction,
    whose beginning and end cost a trip each. A server's cursor (`yield_per`) needs `reader_factory`.
    """
    return session_factory(_for_quick_reads(engine))


def row_reader_factory(engine: Engine) -> ConnectionFactory:
    """Connections for one query of a row, without the ORM's session, which costs more than the query.

    On SQLite, too, the query stands for itself: two of them may see the database at two moments.
    """
    return _for_quick_reads(engine).execution_options(begin=False).connect


def _for_quick_reads(engine: Engine) -> Engine:
    reading = engine.execution_options(read_only=True)
    if engine.dialect.name == "postgresql":
        reading = reading.execution_options(isolation_level="AUTOCOMMIT")
    return reading


def impatient_factory(engine: Engine) -> SessionFactory:
    """Sessions that on SQLite wait IMPATIENT_MS at most for other writers. Raises OperationalError then."""
    hasty = engine.execution_options(busy_timeout_ms=IMPATIENT_MS)
    return session_factory(hasty if engine.dialect.name == "sqlite" else engine)


def lone_write_factory(engine: Engine) -> SessionFactory:
    """The same for a single statement, which on PostgreSQL stands for itself: one trip to it in place of three."""
    if engine.dialect.name == "postgresql":
        return session_factory(engine.execution_options(isolation_level="AUTOCOMMIT"))
    return impatient_factory(engine)


def longest_silence_s(url: str) -> float:
    """How long a try of `impatient_factory` may hang before it is an error."""
    if make_url(url).get_backend_name() == "sqlite":
        return IMPATIENT_MS / 1000
    return SILENT_SERVER["tcp_user_timeout"] / 1000 + SILENT_SERVER["connect_timeout"]


def hold(session: Session, name: str) -> None:
    """Wait until no other transaction holds this name, and hold it until this one ends.

    For what lies outside the database. On SQLite all writing transactions wait for each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    else:
        session.execute(select(1))  # BEGIN IMMEDIATE goes before it


def hold_among_many(session: Session, name: str) -> None:
    """`hold` where hundreds may wait for the same name: they wait in ROOMS rooms, and of each room one for the name.

    With a thousand who waited for one lock no connection to PostgreSQL began for a minute, as `bench.fleet.turns` shows. Most
    likely it was looking for deadlocks, as it does after a second of waiting, by work that grows steeply with those who wait.
    """
    if session.get_bind().dialect.name != "postgresql":
        hold(session, name)
        return
    names = (f"{name}/{random.randrange(ROOMS)}", name)  # locked in this order, in one trip
    keys = (func.hashtextextended(each, 0) for each in names)
    session.execute(select(*map(func.pg_advisory_xact_lock, keys)))


@contextmanager
def try_alone(readers: SessionFactory, name: str) -> Iterator[bool]:
    """Whether nobody else is within this name; if so, nobody else is until the end.

    For what is written outside the database, while others go on to read and write in it. The lock ends
    with the process, however that ends. PostgreSQL: of a transaction that does nothing else; raises
    OperationalError at the end if it was cut off, since somebody else may have been in since. SQLite: on
    a file beside the database.
    """
    with readers() as session:
        bind = session.get_bind()
        if bind.dialect.name == "postgresql":
            for setting, value in NOTICE_DEAD_CLIENT.items():
                session.execute(text(f"SET LOCAL {setting} = {value}"))
            key = func.hashtextextended(name, 0)
            yield bool(session.scalar(select(func.pg_try_advisory_xact_lock(key))))
            session.execute(select(1))  # a connection that broke meanwhile says so here
            return
        database = bind.engine.url.database
    with Path(f"{database}.{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def in_turns(sessions: SessionFactory, rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The rows in portions of at most `size`, each to be written in a transaction of its own; see `with_rests`."""
    portions = (rows[start : start + size] for start in range(0, len(rows), size))
    return with_rests(sessions, portions)


def with_rests(sessions: SessionFactory, portions: Iterable[T], share: float = 1.0) -> Iterator[T]:
    """Portions, each to be written in a transaction of its own, with room for others between two of them.

    sessions: of the database that is written to; they may be the ones that only read. On SQLite, which
    has one writer and no queue for those who wait, it rests for this share of the time that the portion
    took. PostgreSQL has a queue: there a rest would only make it last longer.
    """
    with sessions() as session:
        rests = session.get_bind().dialect.name == "sqlite"
    took_s = 0.0
    for portion in portions:
        if rests:
            time.sleep(took_s * share)
        began = time.monotonic()
        yield portion
        took_s = time.monotonic() - began


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database to the newest schema, or to an earlier one. Safe to call from several processes, one wins.

    Raises NewerSchema when a newer version has been here; nothing is changed then.
    """
    from alembic import command
    from alembic.config import Config

    from common.db.revisions import note_writer

    refuse_newer_schema(url)
    steps: list[tuple[str, str]] = []  # (from, to) of each that this process makes

    def keep(*, step: Any, **_: Any) -> None:
        steps.append(("".join(step.source_revision_ids), "".join(step.destination_revision_ids)))

    began = time.monotonic()
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes.update(url=url, on_step=keep)
    command.upgrade(config, revision)
    if revision == "head":
        engine = open_engine(url)
        note_writer(engine)
        engine.dispose()
    if steps:
        before, after = steps[0][0], steps[-1][1]
        tell(
            log, Event.DATABASE_MIGRATED, f"the database went from {before or 'nothing'} to {after}",
            before=before or "nothing", after=after, seconds=round(time.monotonic() - began, 2),
        )  # fmt: skip


def refuse_newer_schema(url: str) -> None:
    """Raises NewerSchema when a newer version has been in this database; one that is not there is none."""
    from common.db.revisions import require_known

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return
    engine = open_engine(url)
    try:
        require_known(engine)
    finally:
        engine.dispose()
