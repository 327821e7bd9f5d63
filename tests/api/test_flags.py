"""Booleans as Go reads them."""

from __future__ import annotations

import pytest

from submariner_core.api.flags import is_set, read_flag


@pytest.mark.parametrize("word", ["1", "t", "T", "true", "True", "TRUE"])
def test_what_go_takes_for_true_is_true(word: str) -> None:
    assert read_flag(word) is True
    assert is_set({"key": word}, "key") is True


@pytest.mark.parametrize("word", ["0", "f", "F", "false", "False", "FALSE"])
def test_what_go_takes_for_false_is_false(word: str) -> None:
    assert read_flag(word) is False
    assert is_set({"key": word}, "key") is False


@pytest.mark.parametrize("word", ["", "yes", "tRUE", " true"])
def test_anything_else_is_an_error_in_settings_and_not_set_on_a_peer(word: str) -> None:
    with pytest.raises(ValueError, match="true or false"):
        read_flag(word)
    assert is_set({"key": word}, "key") is False


def test_what_is_not_there_is_not_set() -> None:
    assert is_set({}, "key") is False
