"""What is wrong is said once."""

from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from submariner_core.daemon.complaint import Complaint


def test_a_line_at_the_beginning_at_another_reason_and_at_the_end() -> None:
    with capture_logs() as logs:
        complaint = Complaint(structlog.get_logger("submariner.test"), "away", "back", store="x")
        complaint.settled()
        for reason in ("refused", "refused", "no route", "refused"):
            complaint.about(reason)
        complaint.settled()
        complaint.settled()
        complaint.about("refused")
    told = [(one["event"], one.get("reason")) for one in logs]
    refused = ("away", "refused")
    assert told == [refused, ("away", "no route"), refused, ("back", None), refused]
    assert {one["store"] for one in logs} == {"x"}


def test_a_bug_comes_with_its_traceback_once() -> None:
    with capture_logs() as logs:
        complaint = Complaint(structlog.get_logger("submariner.test"), "broken", "mended")
        for _ in range(3):
            complaint.about("ValueError", ValueError("of a plugin"))
    (line,) = logs
    assert line["log_level"] == "error"
    assert isinstance(line["exc_info"], ValueError)
