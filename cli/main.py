"""`clip-browser`: starts the service (`up` and its parts), and is its client in the terminal.

The words of the client's subcommands stand in `cli/client_words.py`, those of the service beside what they
do. Only what the given subcommand needs is imported, so that a search starts at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from cli.client_words import ClientParsers, add_client_commands, shared_options
from cli.jobs.params import Misuse
from common.errors import ClipBrowserError
from common.jobs.kinds import offered_kinds
from common.version import VERSION

SERVICE = frozenset({  # see the commands.py of cli/stack, cli/people, cli/doctor, cli/backup and cli/store
    "up", "api", "worker", "beat", "migrate", "tensorboard", "user", "doctor", "backup", "restore", "store",
})  # fmt: skip
SIGINT_CODE = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 failed (the remedy is on stderr), 2 misused."""
    given = list(sys.argv[1:] if words is None else words)
    parser = build_parser(given)
    arguments, rest = parser.parse_known_args(given)
    if rest and arguments.command not in (*offered_kinds(), "clone"):
        parser.error(f"unknown: {' '.join(rest)}")
    arguments.rest = rest
    try:
        return _run(arguments)
    except ClipBrowserError as problem:
        return _explain(problem.message, problem.remedy, code=1)
    except Misuse as problem:
        return _explain(problem.message, problem.remedy, code=2)
    except KeyboardInterrupt:
        return SIGINT_CODE
    except BrokenPipeError:  # `clip-browser jobs | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _explain(message: str, remedy: str, code: int) -> int:
    from cli.terminal import show_error

    show_error(message, remedy)
    return code


def _run(arguments: argparse.Namespace) -> int:
    if "client" not in arguments:
        code: int = arguments.run(arguments)
        return code
    from cli.client import Client
    from cli.credentials import find_access
    from cli.terminal import open_terminal

    module, function = arguments.client.split(":")
    run = getattr(importlib.import_module(module), function)
    access = find_access(
        getattr(arguments, "url", None),
        getattr(arguments, "token", None),
        getattr(arguments, "data_dir", None),
    )
    with Client(access) as client:
        done: int = run(open_terminal(client, getattr(arguments, "json", False)), arguments)
    return done


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser. The parts of the service add their own words, unless a client's command is given."""
    parser = argparse.ArgumentParser(
        prog="clip-browser",
        allow_abbrev=False,
        description="Caption images as a team, fine-tune a CLIP model on them, search them with it.",
        epilog="The service: 'clip-browser up'. Its client: everything else, with --url and --token "
        "or CLIP_BROWSER_URL and CLIP_BROWSER_TOKEN where it does not run on this machine.",
    )
    shared = shared_options()
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    client = ClientParsers(parsers, shared)
    add_client_commands(client, set(words))
    if not client.names.intersection(words) or SERVICE.intersection(words):
        from cli.backup.commands import add_parsers as add_backup_parsers
        from cli.doctor import parser as doctor
        from cli.people.commands import add_parser
        from cli.stack.commands import add_parsers
        from cli.store.commands import add_store_parser

        add_parsers(parsers)
        add_parser(parsers)
        add_store_parser(parsers)
        doctor.add_parser(parsers)
        add_backup_parsers(parsers)
    parser.add_argument("--version", action="version", version=f"CLIP Browser {VERSION}")
    for option in ("--url", "--token"):
        parser.add_argument(option, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
