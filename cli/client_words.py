"""The words of the subcommands that talk to a running service; what they do is named by each (`module:function`)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cli.jobs.params import params_help
from cli.jobs.worker_words import add_worker_actions
from common.jobs.kinds import kind_of, offered_kinds

Parsers = Any  # argparse's subparsers action has no public type
CHANGES_HELP = (
    "Parameters of the job that are to differ follow as --name value: --epochs 3 --lr 1e-5."
)


def add_client_commands(client: ClientParsers, words: set[str]) -> None:
    """All of them. words: what was given, so that the help of a job's params is made only when it is asked for."""
    _add_data_commands(client)
    _add_job_commands(client, words)
    _add_search_commands(client)
    _add_model_commands(client)
    _add_account_commands(client)
    _add_record_commands(client)


def shared_options() -> argparse.ArgumentParser:
    """What every command of the client takes. Nothing has a default, so that both places count."""
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = shared.add_argument_group("which service")
    absent = argparse.SUPPRESS
    group.add_argument("--url", default=absent, help="its address (CLIP_BROWSER_URL)")
    group.add_argument("--token", default=absent, help="an API token (CLIP_BROWSER_TOKEN)")
    group.add_argument(
        "--data-dir", type=Path, default=absent, metavar="DIR",
        help="data folder of a service on this machine, to find address and token (default ./data)",
    )  # fmt: skip
    shared.add_argument("--json", action="store_true", default=absent, help="print JSON")
    return shared


class ClientParsers:
    """Adds the subcommands that talk to a running service."""

    def __init__(self, parsers: Parsers, shared: argparse.ArgumentParser) -> None:
        self._parsers, self._shared = parsers, shared
        self.names: set[str] = set()

    def add(self, name: str, client: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
        """A subcommand; client names its function as `module:function`."""
        self.names.add(name)
        made: argparse.ArgumentParser = self._parsers.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog,
            parents=[self._shared], allow_abbrev=False,
        )  # fmt: skip
        made.set_defaults(client=client)
        return made


def _add_data_commands(client: ClientParsers) -> None:
    imports = client.add(
        "import", "cli.images.imports:import_images", "upload images, and captions with them",
        "A folder is uploaded with its subfolders and the captions in it: tables such as index.csv or "
        "metadata.jsonl, and .txt or .caption files beside the images. They fill images that have no "
        "caption; with --captions they are written over others. The dataset is made if it is not "
        "there. An upload that broke off goes on when the command is run again.",
    )  # fmt: skip
    imports.add_argument("source", nargs="?", type=Path, metavar="DIR|ZIP")
    imports.add_argument("--dataset", metavar="NAME", help="name or id")
    imports.add_argument(
        "--captions", type=Path, metavar="FILE",
        help="CSV or JSON lines, a zip of .txt files, or a folder with .txt files; "
        "captions that differ are written over",
    )  # fmt: skip
    imports.add_argument(
        "--sample", action="store_true", help="let the service draw its sample set"
    )
    client.add("datasets", "cli.commands:list_datasets", "list the datasets")
    export = client.add(
        "export", "cli.commands:export", "download a dataset for open_clip's trainer or others"
    )
    export.add_argument("--dataset", required=True, metavar="NAME", help="name or id")
    export.add_argument(
        "--captions", choices=("csv", "txt", "jsonl", "all"), default="csv",
        help="csv: tables for open_clip (default); txt: a file beside each image, as kohya_ss reads "
        "them, a caption on each line; jsonl: metadata.jsonl",
    )  # fmt: skip
    export.add_argument(
        "--images", choices=("all", "captioned"), default="all", help="which (default all)"
    )
    export.add_argument("out", type=Path, metavar="OUT.zip")


def _add_job_commands(client: ClientParsers, words: set[str]) -> None:
    asked = words if words & {"-h", "--help"} else set()
    for name in offered_kinds():
        params = params_help(kind_of(name)) if name in asked else ""
        job = client.add(name, "cli.commands:run_job", kind_of(name).about, params)
        job.add_argument("--dataset", required=True, metavar="NAME", help="name or id")
        job.add_argument("--follow", action="store_true", help="show the progress until the end")
        job.add_argument("--after", metavar="JOB", help="start when this job has succeeded")
        if name == "train":
            job.add_argument(
                "--sweep-lr", metavar="auto|A,B,C",
                help="one run for each learning rate; auto: a third of the usual one, it, three times it",
            )  # fmt: skip
    _add_queue_commands(client)
    jobs = client.add("jobs", "cli.commands:list_jobs", "list jobs, newest first")
    jobs.add_argument("--watch", action="store_true", help="keep the list current until Ctrl-C")
    jobs.add_argument("--state", help="active, queued, running, succeeded, failed, stopped")
    jobs.add_argument("--kind", help="one kind of job")
    jobs.add_argument("--dataset", metavar="NAME", help="name or id")
    jobs.add_argument("--limit", type=int, default=20, help="how many (default 20)")
    stop = client.add("stop", "cli.commands:stop", "stop jobs")
    stop.add_argument("job", nargs="+", metavar="JOB")
    stop.add_argument(
        "--mode", choices=("save", "kill"), default="save",
        help="save: write a checkpoint first (default); kill: end at once",
    )  # fmt: skip
    for name, text in (
        ("resume", "go on with a stopped or failed job from its checkpoint"),
        ("retry", "start a stopped or failed job over"),
    ):
        again = client.add(name, "cli.commands:again", text)
        again.add_argument("job", metavar="JOB")
        again.add_argument("--follow", action="store_true", help="show the progress until the end")
    log = client.add("log", "cli.commands:show_log", "show a job's log")
    log.add_argument("job", metavar="JOB")
    log.add_argument("--follow", action="store_true", help="go on until the job has ended")


def _add_queue_commands(client: ClientParsers) -> None:
    clone = client.add(
        "clone",
        "cli.jobs.queues:clone",
        "queue a job once more, with changed settings",
        CHANGES_HELP,
    )
    clone.add_argument("job", metavar="JOB")
    clone.add_argument("--follow", action="store_true", help="show the progress until the end")
    queue = client.add(
        "queue", "cli.jobs.queues:show_queue", "show what runs and waits, pause a queue, let it go on",
        "A paused queue begins no further job; what runs goes on. Only administrators pause.",
    )  # fmt: skip
    queue.add_argument("name", nargs="?", metavar="NAME", help="gpu (default) or cpu")
    queue.add_argument("action", nargs="?", choices=("pause", "resume"), help="what to do with it")
    queue.add_argument("--reason", default="", help="why it is paused, shown to everybody")
    text = "let at most so many jobs of a queue run at once"
    limit = client.add("limit", "cli.jobs.queues:limit", text, "Only administrators set limits.")
    limit.add_argument("queue", metavar="QUEUE", help="gpu or cpu")
    limit.add_argument(
        "most", metavar="N|none", help="how many; none: as many as there are workers"
    )
    limit.add_argument("--kind", default="", help="only jobs of this kind, such as train")
    move = client.add("move", "cli.jobs.queues:move", "move a waiting job in its queue")
    move.add_argument("job", metavar="JOB")
    place = move.add_mutually_exclusive_group()
    place.add_argument("--before", metavar="OTHER", help="it starts before this waiting job")
    place.add_argument("--last", action="store_true", help="it starts last")
    move.add_argument("--priority", type=int, metavar="N", help="0 goes first, 9 last; usual is 5")


def _add_worker_commands(client: ClientParsers) -> None:
    text = "list workers; drain, pause, stop, resize and forget them; their logs"
    workers = client.add("workers", "cli.jobs.workers:list_workers", text)
    actions = workers.add_subparsers(dest="action", metavar="ACTION")
    add_worker_actions(ClientParsers(actions, shared_options()).add)


def _add_search_commands(client: ClientParsers) -> None:
    search = client.add("search", "cli.commands:search", "search a dataset's images")
    search.add_argument("text", nargs="?", help="what the image shows")
    search.add_argument("--dataset", required=True, metavar="NAME", help="name or id")
    search.add_argument("--model", metavar="M", help="a model's id (default: the one indexed last)")
    search.add_argument("-k", type=int, default=10, help="how many images (default 10)")
    search.add_argument("--like", type=int, metavar="IMAGE_ID", help="images like this one")
    search.add_argument("--image", type=Path, metavar="FILE", help="images like this file")


def _add_model_commands(client: ClientParsers) -> None:
    models = client.add("models", "cli.models.commands:list_models", "list the models")
    models.add_argument("--tag", help="only those with this tag")
    models.add_argument("--find", metavar="WORDS", help="only those with these words")
    model = client.add(
        "model", "", "name, tag, bring in, blend, choose, download or delete a model"
    )
    actions = model.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = ClientParsers(actions, shared_options())

    def add(name: str, function: str, text: str) -> argparse.ArgumentParser:
        made = one.add(name, f"cli.models.commands:{function}", text)
        made.add_argument("model", metavar="MODEL", nargs="?" if name == "default" else None)
        return made

    add("rename", "rename", "give a model another name").add_argument("name", metavar="NAME")
    add("note", "note", "write a note on a model").add_argument("text", metavar="TEXT")
    tag = add("tag", "tag", "add tags to a model, or take them away")
    tag.add_argument("tags", nargs="+", metavar="TAG")
    tag.add_argument("--remove", action="store_true", help="take these tags away")
    delete = add("delete", "delete", "delete a model of one's own")
    delete.add_argument("--force", action="store_true", help="also when something uses it")
    add("download", "download", "download a model's folder as a zip").add_argument(
        "out", type=Path, metavar="OUT.zip"
    )
    chosen = add("default", "choose", "choose the model that a dataset is searched with")
    chosen.add_argument("--dataset", required=True, metavar="NAME", help="name or id")
    chosen.add_argument("--none", action="store_true", help="the one that was indexed last")
    blend = add("blend", "blend", "register the weights between a tuned model and its base")
    blend.add_argument("alpha", metavar="ALPHA", help="0: the base, 1: the tuned model")
    bring_in = one.add(
        "import", "cli.models.commands:bring_in", "bring in a model folder or a zip of one"
    )
    bring_in.add_argument("source", type=Path, metavar="DIR|ZIP")
    for begun in (blend, bring_in):
        begun.add_argument("--name", help="what the new model is called")
        begun.add_argument("--follow", action="store_true", help="show the progress until the end")


def _add_account_commands(client: ClientParsers) -> None:
    login = client.add("login", "cli.commands:login", "sign in, and keep the token for later")
    login.add_argument(
        "link", nargs="?", help="a one-time sign-in link (default: ask for a password)"
    )
    login.add_argument("--user", default="admin", help="user name (default admin)")
    client.add("system", "cli.commands:show_system", "show workers and queues")
    _add_worker_commands(client)
    kept = client.add(
        "retention", "cli.commands:apply_retention", "remove what is kept no longer, or list it",
        "The service does so by itself every few hours. For administrators.",
    )  # fmt: skip
    kept.add_argument(
        "--dry-run", action="store_true", help="list it with its bytes, remove nothing"
    )
    token = client.add("token", "", "make, list and revoke API tokens")
    actions = token.add_subparsers(dest="action", metavar="ACTION", required=True)
    tokens = ClientParsers(actions, shared_options())
    create = tokens.add("create", "cli.commands:create_token", "make a token and print it once")
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--scope", choices=("metrics", "read", "caption", "train", "admin"),
        help="the most it may do (default: as much as what it is made with)",
    )  # fmt: skip
    create.add_argument("--days", type=int, metavar="N", help="until it ends (default: never)")
    tokens.add("list", "cli.commands:list_tokens", "list your tokens")
    tokens.add("revoke", "cli.commands:revoke_token", "make a token invalid").add_argument(
        "id", type=int, metavar="ID"
    )


def _count(text: str) -> int:
    """Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def _add_record_commands(client: ClientParsers) -> None:
    trash = client.add("trash", "", "see what was deleted, bring it back, remove it for good")
    actions = trash.add_subparsers(dest="action", metavar="ACTION", required=True)
    things = ClientParsers(actions, shared_options())
    things.add("list", "cli.trash:list_trash", "list what you may bring back")
    things.add("restore", "cli.trash:restore", "bring something back").add_argument(
        "what", metavar="KIND:ID", help="as the list has it; a name where that is of one thing"
    )
    empty = things.add("empty", "cli.trash:empty", "remove something for good")
    empty.add_argument("what", metavar="KIND:ID", nargs="?", help="as the list has it")
    empty.add_argument(
        "--all", action="store_true", help="everything that you may remove; asks at a terminal"
    )
    audit = client.add(
        "audit", "cli.audit:show_audit", "show who did what, when and from where",
        "In the datasets that you own; administrators see all.",
    )  # fmt: skip
    audit.add_argument("--actor", metavar="NAME", help="what this person did")
    audit.add_argument("--act", metavar="ACT", help="such as dataset.delete, or its beginning: job")
    audit.add_argument("--dataset", metavar="NAME", help="name or id, also of one that was deleted")
    for option in ("--since", "--until"):
        audit.add_argument(option, metavar="TIME", help="such as 2026-03-01 or 2026-03-01T12:00Z")
    audit.add_argument(
        "--limit", type=_count, metavar="N", default=50, help="how many lines (default 50)"
    )
    audit.add_argument("--out", type=Path, metavar="FILE", help="all of them, .csv or .jsonl")
