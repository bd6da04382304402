"""The images: what is in them, and which service runs which."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from typing import Any

from tests.deploy.files import OWN, ROOT


def test_the_image_is_made_of_files_that_are_here_and_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in sent, source


def test_the_images_install_locked_packages_with_bytecode_and_run_as_an_ordinary_user() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("pip install") == text.count("--require-hashes") + 1  # itself comes last
    assert "UV_COMPILE_BYTECODE=1" in text
    for target in ("service", "ml"):
        stage = text.partition(f"FROM base AS {target}\n")[2].partition("\nFROM ")[0]
        assert re.search(r"^USER clip-browser$", stage, re.MULTILINE), target
        packages, application = re.findall(r"^COPY --from=(\S+) ", stage, re.MULTILINE)
        # a changed line of code leaves the layer of packages as it is
        assert (packages, application) == (f"{target}-packages", "application")
        made = text.partition(f"FROM tools AS {packages}\n")[2].partition("\nFROM ")[0]
        assert all(each.startswith("requirements/") for each in copied_into(made))


def copied_into(stage: str) -> list[str]:
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", stage, re.MULTILINE)
    return " ".join(sources).split()


def test_each_service_runs_the_image_that_has_what_it_imports(compose: dict[str, Any]) -> None:
    for name in (*OWN, "tensorboard"):
        service = compose["services"][name]
        with_torch = name in ("worker-search", "worker-gpu", "tensorboard")
        assert service["build"]["target"] == ("ml" if with_torch else "service"), name
        assert service["image"].startswith("clip-browser-ml:" if with_torch else "clip-browser:")


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        tag = service["image"].rsplit(":", 1)[-1]
        assert "latest" not in tag, name
        assert re.search(r"\d", tag) or service.get("build"), name


# Of these rooms the service image has everything, and the API and the workers on these queues are nothing else.
WITHOUT_TORCH = ("api", "common", "workers.cpu", "workers.ops", "workers.captions")
IMPORTS = """
import pkgutil, sys
from importlib import import_module

blocked = set(sys.argv[1].split(","))

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not in the service image", name=name)

sys.meta_path.insert(0, Absent())
from common.captions.clip_tokens import count_tokens
from workers.runtime.start import Spec, load_tasks

load_tasks([Spec("all", "cpu,captions,maintenance")])
for room in sys.argv[2].split(","):
    package = import_module(room)
    for found in pkgutil.walk_packages(package.__path__, f"{room}."):
        if ".migrations." not in found.name:
            import_module(found.name)
assert count_tokens("a red circle") == 5
import cli.main

# a split reads an index, which FAISS has written
import numpy, pathlib, tempfile
from workers.cpu.split.embedding_pairs import near_pairs
from workers.search.faiss_index import FILES, load_embeddings
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for file in FILES:
        (folder / file).touch()
    numpy.save(folder / "embeddings.npy", numpy.eye(4, dtype="float32")[[0, 1, 0, 2, 3]])
    numpy.save(folder / "ids.npy", numpy.arange(5))
    assert [pair[:2] for pair in near_pairs(*load_embeddings(folder))] == [(0, 2)]
"""


def locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {each.replace("_", "-") for each in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def modules_left_out() -> set[str]:
    """Top names of what the whole environment has and the service image has not."""
    absent = locked("runtime") - locked("service")
    assert "torch" in absent
    return {
        module
        for module, owners in packages_distributions().items()
        if all(re.sub("[_.]", "-", owner).lower() in absent for owner in owners)
    } | {"torch"}


def test_the_service_image_has_the_versions_of_the_whole_and_no_torch() -> None:
    lines = {}
    for name in ("runtime", "service"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        lines[name] = set(re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE))
    assert lines["service"] < lines["runtime"]
    assert not {each for each in lines["service"] if re.match("torch|nvidia-c|triton", each)}


def test_the_api_and_the_cpu_workers_import_with_what_the_service_image_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, ",".join(modules_left_out()), ",".join(WITHOUT_TORCH)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_they_import_later_is_in_the_service_image_too() -> None:
    absent = modules_left_out()
    for room in WITHOUT_TORCH:
        for path in (ROOT / room.replace(".", "/")).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                named = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    named = [node.module]
                assert not {name.partition(".")[0] for name in named} & absent, (path, named)
