"""A site of the test's own, and a terminal to run ``submariner`` in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import structlog
from click.testing import CliRunner, Result

from submariner_core.cli.main import main
from tests.loading.conftest import site

__all__ = ["run", "site"]

Run = Callable[..., Result]


@pytest.fixture
def run() -> Iterator[Run]:
    """``run("check", path)`` in this process; the result has output, stderr and exit code."""

    def call(*words: object, **environ: str) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words], env=dict(environ))

    yield call
    structlog.reset_defaults()  # a command's logging ends with its terminal
