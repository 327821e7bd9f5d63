from __future__ import annotations

import pytest
from submariner_lab.scrape import Traffic, parse

LABELS = 'cable_driver="vxlan",remote_cluster="west",remote_hostname="west-1"'


def test_bytes_of_both_directions_are_read() -> None:
    text = (
        f"# TYPE submariner_gateway_rx_bytes gauge\nsubmariner_gateway_rx_bytes{{{LABELS}}} 12\n"
        f"# TYPE submariner_gateway_tx_bytes gauge\nsubmariner_gateway_tx_bytes{{{LABELS}}} 7\n"
    )
    assert (Traffic("west", "west-1", 12, 7),) == parse(text)


def test_other_metrics_are_passed_over() -> None:
    assert parse("# TYPE x gauge\nx 1\n") == ()


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        parse("{nonsense")
