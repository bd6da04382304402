"""What is released installs with one command: the wheel carries all that a checkout has beside the code."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from common.version import VERSION
from tests.servers import free_port, redis_server

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "web/dist"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as what is built in the checkout would stay there."""
    folder = tmp_path_factory.mktemp("release")
    tree = folder / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    wanted = re.compile(
        r"(api|cli|common|workers)/|setup\.py|MANIFEST\.in|pyproject\.toml|README\.md|CHANGELOG\.md|manual_"
    )
    for name in listed.stdout.decode().split("\0"):
        if wanted.match(name) and (ROOT / name).is_file():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    assert (BUILT / "index.html").is_file(), "the dashboard is not built: make web/dist/.built"
    (tree / "web").mkdir()
    (tree / "web/dist").symlink_to(BUILT)
    subprocess.run(
        [sys.executable, "-c", "from setuptools import build_meta as b; b.build_wheel('..')"],
        cwd=tree, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel; what it depends on comes from that of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    (packages,) = folder.glob("lib/python*/site-packages")
    # a line of a .pth file: unlike a site folder's own, the checkout's .pth in there is not read
    (packages / "of_the_tests.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps",
         "--python", folder / "bin/python", wheel],
        check=True, timeout=60,
    )  # fmt: skip
    return folder / "bin"


def test_the_wheel_carries_the_dashboard_and_the_shared_synonyms(wheel: Path) -> None:
    assert wheel.name == f"clip_browser-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        shared = archive.read("common/augment/manual_synonym_map.json")
    assert shared == (ROOT / "manual_synonym_map.json").read_bytes()
    pages = {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*") if path.is_file()}
    wanted = {f"api/built_dashboard/{name}" for name in pages if not name.startswith(".")}
    assert wanted
    assert wanted <= held
    assert "common/db/migrations/versions/0001_first_schema.py" in held
    assert not [name for name in held if name.startswith(("tests/", "bench/", "web/"))]


def test_a_wheel_requires_nothing_that_only_builds_the_dashboard(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        about = email.message_from_bytes(archive.read(name))
    required = [each for each in about.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert any(each.startswith("flask") for each in required)
    assert not [each for each in required if each.startswith("nodejs")]
    assert about["Version"] == VERSION
    dashboard = json.loads((ROOT / "web/package.json").read_text())
    assert "version" not in dashboard  # common/version.py has the one version


def test_an_installed_wheel_serves_the_dashboard_from_an_empty_folder(
    installed: Path, tmp_path: Path
) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CLIP_"))
    }

    def run(*words: str) -> str:
        return subprocess.run(
            [installed / words[0], *words[1:]], cwd=tmp_path, env=environment, timeout=60,
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    assert run("clip-browser", "--version") == f"CLIP Browser {VERSION}"
    found = "from common.augment.synonym_files import DEFAULT_MAP; print(DEFAULT_MAP)"
    assert run("python", "-c", found).startswith(str(installed.parent))
    port = free_port()
    with redis_server(tmp_path) as redis:
        environment |= {"CLIP_BROWSER_REDIS_URL": redis.url, "CLIP_BROWSER_SECRET_KEY": "k" * 32}
        process = subprocess.Popen(
            [installed / "clip-browser", "api", "--port", str(port)], cwd=tmp_path, env=environment
        )
        try:
            page = read(f"http://127.0.0.1:{port}/")
            script = re.search(r'src="(/assets/[^"]+\.js)"', page)
            assert script is not None
            assert len(read(f"http://127.0.0.1:{port}{script[1]}")) > 10_000
            assert (
                json.loads(read(f"http://127.0.0.1:{port}/openapi.json"))["info"]["version"]
                == VERSION
            )
        finally:
            process.terminate()
            process.wait(30)


def read(url: str) -> str:
    """What is answered, as soon as somebody listens."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except ConnectionError:
            time.sleep(0.1)
        except urllib.error.URLError as problem:
            if not isinstance(problem.reason, ConnectionError):
                raise
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_the_newest_version_stands_first_among_what_changed() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[([\d.]+)\] - (unreleased|\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    assert versions[0][0] == VERSION
