"""Log lines: where they go, and in which form."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
import structlog

from submariner_core.config.settings import Log
from submariner_core.observe.logs import configure


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


def test_json_is_one_object_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log(format="json"))
    structlog.get_logger("submariner.test").info("put", record="Endpoint x", epoch=3)
    captured = capsys.readouterr()
    assert captured.out == ""
    line = json.loads(captured.err)
    assert (line["event"], line["record"], line["epoch"]) == ("put", "Endpoint x", 3)
    assert line["level"] == "info"


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log(level="warning"))
    log = structlog.get_logger("submariner.test")
    log.info("quiet")
    log.warning("loud")
    err = capsys.readouterr().err
    assert "loud" in err
    assert "quiet" not in err


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_told_without_what_variables_held(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(Log(format=form))  # type: ignore[arg-type]
    token = secrets.token_hex(8)
    try:
        open_with(token)
    except ValueError:
        structlog.get_logger("submariner.test").exception("driver-bug")
    err = capsys.readouterr().err
    assert "driver-bug" in err
    assert "ValueError: 16" in err
    assert token not in err


def open_with(secret: str) -> None:
    raise ValueError(len(secret))


def test_whatever_a_record_holds_can_be_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Never again 10: hostile text stops nothing."""
    for form in ("json", "console"):
        configure(Log(format=form))
        structlog.get_logger("submariner.test").warning("refused", reason="\x00\x1b[31m\n\u202e")
    assert "refused" in capsys.readouterr().err
