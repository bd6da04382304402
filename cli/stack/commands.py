"""`clip-browser up` and the commands that start one process of the service alone.

They replace this process with `python -m api.serve` and the like, so the client's commands never
load the service.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from common.errors import InvalidInput
from common.file_modes import keep_private
from common.logs import configure_logging
from common.settings import Settings, as_environment, load_settings

Parsers = Any  # argparse's subparsers action has no public type
MAX_COUNT = 64  # workers of one host


def add_parsers(parsers: Parsers) -> None:
    """Add the subcommands that start something."""
    up = parsers.add_parser("up", help="start the whole service on this machine")
    up.add_argument("--data-dir", type=Path, help="folder of all data (default ./data)")
    up.add_argument("--port", type=int, help="port of the dashboard and API (default 8000)")
    up.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--gpu-workers", type=int, default=1, help="GPU workers to start (default 1)")
    up.set_defaults(run=_up)
    api = parsers.add_parser("api", help="start the API alone (migrates the database first)")
    api.add_argument("--port", type=int)
    api.add_argument("--host")
    api.set_defaults(run=_api)
    worker = parsers.add_parser("worker", help="start a worker for some queues")
    worker.add_argument(
        "queues", help="captions, cpu, search, gpu, maintenance; with commas between"
    )
    worker.add_argument("--concurrency", type=int, default=1, help="jobs at once (default 1)")
    worker.add_argument("--pool", choices=("prefork", "solo", "threads"), default="prefork")
    worker.add_argument("--name", default="", help="name of this worker (default: its queues)")
    worker.add_argument(
        "--count", type=int, default=1, metavar="N",
        help="so many workers under one parent, such as one for each GPU of a host (default 1)",
    )  # fmt: skip
    worker.set_defaults(run=_worker)
    parsers.add_parser("beat", help="start what sends the maintenance tasks").set_defaults(
        run=_beat
    )
    weights = parsers.add_parser(
        "weights", help="bring published weights to this machine's workers"
    )
    kinds = weights.add_subparsers(dest="kind", required=True)
    add = kinds.add_parser("add", help="check a file of weights and place it")
    add.add_argument("file", help="the weights; - for standard input")
    add.add_argument("--model", required=True, help="a model of the catalogue, such as ViT-B-32")
    add.add_argument("--tag", required=True, help="which weights they are, such as openai")
    add.set_defaults(run=_add_weights)
    migrate = parsers.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(run=_migrate)
    board = parsers.add_parser("tensorboard", help="show all training runs in TensorBoard")
    board.add_argument("--port", type=int, default=6006)
    board.add_argument("--host", default="127.0.0.1")
    board.add_argument("--data-dir", type=Path, help="folder of all data (default ./data)")
    board.set_defaults(run=_tensorboard)


def _settings(arguments: argparse.Namespace) -> Settings:
    """Settings of the environment with the given command line options on top."""
    names = ("data_dir", "host", "port")
    given = {name: getattr(arguments, name, None) for name in names}
    return load_settings(**{name: value for name, value in given.items() if value is not None})


def _become(settings: Settings, *command: str) -> int:
    os.execve(sys.executable, [sys.executable, "-m", *command], as_environment(settings))


def _up(arguments: argparse.Namespace) -> int:
    from cli.stack.embedded import run_stack

    return run_stack(_settings(arguments), gpu_workers=arguments.gpu_workers)


def _api(arguments: argparse.Namespace) -> int:
    return _become(_settings(arguments), "api.serve")


def _worker(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.count <= MAX_COUNT:
        raise InvalidInput(
            f"--count is {arguments.count}", remedy=f"Use a number from 1 to {MAX_COUNT}."
        )
    return _become(
        load_settings(), "workers.runtime.start", "worker", arguments.queues,
        f"--concurrency={arguments.concurrency}", f"--pool={arguments.pool}",
        f"--name={arguments.name}", f"--count={arguments.count}",
    )  # fmt: skip


def _beat(_: argparse.Namespace) -> int:
    return _become(load_settings(), "workers.runtime.start", "beat")


def _add_weights(arguments: argparse.Namespace) -> int:
    named = (f"--model={arguments.model}", f"--tag={arguments.tag}")
    return _become(load_settings(), "workers.models.placement", *named, arguments.file)


def _migrate(_: argparse.Namespace) -> int:
    from common.db.engine import migrate

    settings = load_settings()
    configure_logging("migrate", settings)
    keep_private(settings.data_dir, settings.database)
    migrate(settings.database)
    return 0


def _tensorboard(arguments: argparse.Namespace) -> int:
    runs = arguments.data_dir or load_settings().data_dir
    folder = runs.resolve() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    address = [f"--host={arguments.host}", f"--port={arguments.port}"]
    return _become(load_settings(), "tensorboard.main", f"--logdir={folder}", *address)
