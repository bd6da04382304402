"""What `pyproject.toml` cannot say: a wheel carries the built dashboard and the shared synonym map."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Where they lie in a checkout, and where `api/dashboard.py` and `common/augment/synonym_files.py` look in a wheel.
CARRIED = {
    "web/dist": "api/built_dashboard",
    "manual_synonym_map.json": "common/augment/manual_synonym_map.json",
}


class BuildWithDashboard(build_py):
    """As setuptools', and what is carried; not for an editable installation, which finds it in the checkout."""

    def run(self) -> None:
        """setuptools' hook. Fails without a built dashboard."""
        super().run()
        if self.editable_mode:
            return
        if not (ROOT / "web/dist/index.html").is_file():
            raise SystemExit("The dashboard is not built: run `make release`, which builds it.")
        for source, target in CARRIED.items():
            self._carry(ROOT / source, Path(self.build_lib) / target)

    def _carry(self, source: Path, target: Path) -> None:
        if source.is_file():
            shutil.copyfile(source, target)
            return
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))


setup(cmdclass={"build_py": BuildWithDashboard})
