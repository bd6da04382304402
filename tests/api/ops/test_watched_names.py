"""What alert rules, the dashboard for Grafana, the chart and their page name, /metrics tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMES = re.compile(r"\bclip_browser_[a-z_]+")
PARTS_OF_HISTOGRAMS = re.compile("_(bucket|sum|count)$")
WATCHERS = (
    "deploy/prometheus/alerts.yml",
    "deploy/prometheus/alerts_test.yml",
    "deploy/grafana/clip-browser.json",
    "deploy/helm/clip-browser/templates/_helpers.tpl",
    "docs/alerts.md",
)


@pytest.mark.parametrize("watcher", WATCHERS)
def test_every_metric_that_is_watched_is_told(call: Any, watcher: str) -> None:
    text = call("GET", "/metrics").decode()
    told = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    named = set(NAMES.findall((ROOT / watcher).read_text()))
    assert named
    of_histograms = {
        name for name in named if told.get(PARTS_OF_HISTOGRAMS.sub("", name)) == "histogram"
    }
    assert named - of_histograms <= told.keys()
