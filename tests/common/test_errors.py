from __future__ import annotations

import pytest

from common import errors
from common.errors import ClipBrowserError, Internal, InvalidInput, NoCaptions, error_from_dict


def tree(root: type[ClipBrowserError]) -> list[type[ClipBrowserError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


def test_each_error_stands_in_the_drawn_tree_with_its_code_and_status() -> None:
    for kind in tree(ClipBrowserError)[1:]:
        (line,) = [
            text for text in (errors.__doc__ or "").splitlines() if f" {kind.__name__} " in text
        ]
        assert line.split()[-2:] == [kind.code, str(kind.status)]


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in tree(ClipBrowserError)]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", tree(ClipBrowserError)[1:])
def test_an_error_survives_the_wire(kind: type[ClipBrowserError]) -> None:
    sent = kind("it is 7", remedy="make it 6", details={"limit": 6})
    back = error_from_dict(sent.to_dict())
    assert type(back) is kind
    assert back.to_dict() == sent.to_dict()


def test_an_unknown_code_becomes_internal() -> None:
    assert isinstance(error_from_dict({"code": "from the future", "message": "x"}), Internal)


def test_an_error_without_remedy_takes_the_usual_one() -> None:
    assert NoCaptions("none").remedy == NoCaptions.default_remedy
    assert "details" not in InvalidInput("x").to_dict()
