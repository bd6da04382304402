"""Parameters of jobs on the command line."""

from __future__ import annotations

import pytest

from cli.jobs.params import Misuse, parse_params
from cli.main import build_parser
from common.jobs.kinds import kind_of, offered_kinds


def test_values_are_read_as_json_and_else_as_text() -> None:
    words = [
        "--epochs",
        "3",
        "--lr",
        "1e-5",
        "--warmup",
        "auto",
        "--early-stopping",
        "false",
        "--betas",
        "[0.9,0.98]",
    ]
    assert parse_params(words) == {
        "epochs": 3,
        "lr": 1e-5,
        "warmup": "auto",
        "early_stopping": False,
        "betas": [0.9, 0.98],
    }


def test_a_value_may_follow_an_equals_sign_or_be_left_out_for_true() -> None:
    words = ["--lr=0.5", "--group-near-duplicates", "--seed", "-3", "--note="]
    assert parse_params(words) == {
        "lr": 0.5,
        "group_near_duplicates": True,
        "seed": -3,
        "note": "",
    }


def test_names_stay_texts_though_they_look_like_numbers() -> None:
    words = ["--name", "2024", "--pretrained", "", "--model", "null"]
    assert parse_params(words) == {"name": "2024", "pretrained": "", "model": "null"}


def test_the_long_form_names_the_parameter_in_its_value() -> None:
    assert parse_params(["--param", "epochs=3", "--param", "name=a=b"]) == {
        "epochs": 3,
        "name": "a=b",
    }


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "-1e400", "9" * 5000])
def test_what_json_cannot_hold_is_a_text(value: str) -> None:
    assert parse_params(["--lr", value]) == {"lr": value}


@pytest.mark.parametrize("words", [["stray"], ["--epochs", "3", "stray"], ["-x", "3"], ["--"]])
def test_a_stray_word_is_refused(words: list[str]) -> None:
    with pytest.raises(Misuse, match="belongs to no parameter"):
        parse_params(words)


def test_parameters_and_options_may_stand_in_any_order() -> None:
    words = ["train", "--epochs", "3", "--dataset", "cats", "--follow", "--lr", "1e-5", "--json"]
    arguments, rest = build_parser(words).parse_known_args(words)
    assert (arguments.dataset, arguments.follow, arguments.json) == ("cats", True, True)
    assert parse_params(rest) == {"epochs": 3, "lr": 1e-5}


def test_a_parameter_is_not_taken_for_the_beginning_of_an_option() -> None:
    words = ["train", "--dataset", "cats", "--data", "x", "--follow"]
    _, rest = build_parser(words).parse_known_args(words)
    assert rest == ["--data", "x"]


def test_where_to_find_the_service_may_stand_before_or_after_the_command() -> None:
    for words in ("--url http://h --json jobs", "jobs --url http://h --json"):
        arguments, _ = build_parser(words.split()).parse_known_args(words.split())
        assert (arguments.url, arguments.json) == ("http://h", True)


@pytest.mark.parametrize("name", offered_kinds())
def test_each_kind_that_people_may_ask_for_is_a_command_with_its_parameters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [name, "--help"]
    with pytest.raises(SystemExit):
        build_parser(words).parse_args(words)
    told = "".join(capsys.readouterr().out.split())
    for field in kind_of(name).params_model().model_fields:
        assert f"--{field.replace('_', '-')}" in told
