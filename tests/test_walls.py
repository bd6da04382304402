"""The contracts of import-linter name all that they are to hold."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def contract(beginning: str) -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found = settings["tool"]["importlinter"]["contracts"]
    return next(each for each in found if each["name"].startswith(beginning))


def test_all_modules_of_routes_are_protected_and_no_others_may_use_everything() -> None:
    paths = [path.relative_to(ROOT) for path in (ROOT / "api").rglob("*_routes.py")]
    modules = {".".join(path.with_suffix("").parts) for path in paths}
    named = {*modules, "api.*.routes", "api.live.sockets"}
    assert set(contract("API: routes")["protected_modules"]) == named
    ignored = contract("API: what capabilities")["ignore_imports"]
    assert {each.removesuffix(" -> api.**") for each in ignored if each.endswith("**")} == named
