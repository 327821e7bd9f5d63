"""A cluster for whole gateways; see :mod:`tests.engine.site`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Namespaces
from tests.engine.site import EastSite, east


@pytest.fixture
def site(netns_factory: Namespaces) -> Iterator[EastSite]:
    """Cluster ``east``, nothing running yet."""
    with east(netns_factory) as made:
        yield made
