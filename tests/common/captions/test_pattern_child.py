"""Patterns in a child: the same edits, within bounds of memory and time."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common.captions import pattern_child
from common.captions.edits import CaptionEdit, Edited
from common.captions.pattern_child import MEMORY_MIB, open_editor
from common.errors import InvalidInput

MEMORY_OF_CHILD = """
import contextlib, resource, sys
from common.captions.edits import CaptionEdit
from common.captions.pattern_child import open_editor
from common.errors import InvalidInput
edit = CaptionEdit("replace", find=sys.argv[1], text="", regex=True, whole_words=False)
with contextlib.suppress(InvalidInput), open_editor(edit, 3.0):
    pass
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def pattern(find: str, text: str = "", **options: bool) -> CaptionEdit:
    return CaptionEdit("replace", find=find, text=text, regex=True, whole_words=False, **options)


def children() -> list[psutil.Process]:
    """Those that a pattern runs in; other tests have servers of theirs."""
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            found += [each] if pattern_child.__name__ in each.cmdline() else []
    return found


def processor_s_of_children() -> float:
    """What those that have ended had of processors: how long they took on a machine with nothing else to do."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(autouse=True)
def beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not behind all else that computes here: a child would take ten times as long."""
    monkeypatch.setattr(pattern_child, "NICE", os.nice(0))


def test_a_pattern_does_all_that_it_does_without_a_child() -> None:
    with open_editor(pattern(r"\b(?P<what>été|hiver)\b(?=s?)", r"<\g<what>>"), 3.0) as apply_all:
        assert len(children()) == 1
        many = ["un ÉTÉ", None, "un étés", "\U0001f600 hiver"] * 400
        assert apply_all(many)[:4] == [
            Edited("un <ÉTÉ>"),
            Edited(None),
            Edited("un étés"),
            Edited("\U0001f600 <hiver>"),
        ]
        assert apply_all([]) == []
        assert "limit is 2000" in apply_all(["hiver " * 330])[0].problem
    assert children() == []


def test_plain_text_needs_no_child() -> None:
    with open_editor(CaptionEdit("replace", find="cat", text="dog"), 3.0) as apply_all:
        assert children() == []
        assert apply_all(["a cat"]) == [Edited("a dog")]


@pytest.mark.parametrize(
    ("find", "said"),
    [
        ("a{99999999}", "repeats more than 2000 times"),
        ("(?x) a{ 2 , 99999999 }", "repeats more than 2000 times"),
        ("(?:a{2000}){2000}", "too much memory"),
        ("(?:(?:a{200}){200}){200}", "too much memory"),
    ],
)
def test_a_pattern_that_grows_is_refused_within_its_memory(find: str, said: str) -> None:
    before_s = processor_s_of_children()
    with pytest.raises(InvalidInput, match=said) as raised, open_editor(pattern(find), 3.0):
        pass
    assert raised.value.remedy
    assert processor_s_of_children() - before_s < 10
    assert children() == []
    # in a process of its own, whose only child is that of the pattern
    asked = [sys.executable, "-c", MEMORY_OF_CHILD, find]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert int(told) < (MEMORY_MIB + 32) * 1024


def test_repetitions_that_are_no_repetitions_are_let_be() -> None:
    with open_editor(pattern(r"\{99999\}", "x"), 3.0) as apply_all:
        assert apply_all(["{99999}"]) == [Edited("x")]


def test_a_pattern_that_takes_for_ever_is_refused_while_it_matches_and_while_it_compiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_editor(pattern("(a|aa)+$"), 3.0) as apply_all:
        with pytest.raises(InvalidInput, match="takes too long"):
            apply_all(["a" * 500 + "!"])
    slow = tmp_path / "sitecustomize.py"  # a library that compiles slowly
    slow.write_text(
        "import regex\n"
        "real = regex.compile\n"
        "regex.compile = lambda *given: real(*given) if len(given[0]) > 1 else any(iter(int, 1))\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.getcwd()]))
    with pytest.raises(InvalidInput, match="takes too long"), open_editor(pattern("a"), 3.0):
        pass


def test_a_child_that_is_killed_is_told_and_leaves_nothing() -> None:
    with open_editor(pattern("a"), 3.0) as apply_all:
        children()[0].kill()
        with pytest.raises(InvalidInput):
            apply_all(["a"])
    assert children() == []
