"""What a run shows, as JSON and as a table."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from rich.console import Console
from submariner_lab.failover.columns import COLUMNS, cells, spread
from submariner_lab.failover.connection import Connection, Outcome, judge
from submariner_lab.failover.figures import Run
from submariner_lab.failover.markdown import markdown
from submariner_lab.failover.summary import summary, whole
from submariner_lab.failover.table import report
from submariner_lab.tcp import StreamReport

from tests.plugins.lab.failover_figures import FAULT, FIGURES, MS, direction, run


def documents(*runs: Run) -> list[dict[str, object]]:
    """As they come back from a file."""
    return json.loads(json.dumps([run.document() for run in runs]))


def printed(*runs: Run) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(report(documents(*runs)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def stream(**changes: object) -> StreamReport:
    whole = {
        "sent": 9, "echoed": 9, "stall": 0.02, "silence": 0.01, "ended": 7, "error": None,
        "peer": "10.1.3.2", "server": "pod",
    }  # fmt: skip
    return StreamReport(**{**whole, **changes})


def test_only_what_was_lost_since_the_fault_counts() -> None:
    early = direction(100, 120)
    assert (early.lost, early.before, early.outage, early.mended) == (0, 20, 0.0, 0.0)
    late = direction(600, 900)
    assert (late.lost, late.before, late.outage) == (300, 0, 0.3)
    assert late.mended == (900 * MS - FAULT) / 1e9


def test_a_run_as_json_has_the_figures_in_the_units_of_their_names() -> None:
    (told,) = documents(run())
    expected = {
        "driver": "vxlan", "scenario": "power-off", "run": 1, "lost_forward": 300,
        "lost_backward": 50, "outage_forward_ms": 300.0, "outage_backward_ms": 50.0,
        "tcp_stall_ms": 420.0, "new_leader": "east-2", "new_leader_s": 2.9, "first_move_ms": 310.0,
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert (told["moves"], told["role_changes"]) == (1, 1)
    assert told["cluster_ip"]["outcome"] == "reset"
    assert told["cluster_ip"]["reset_after_ms"] == 400.0
    assert [one["who"] for one in told["noticed"]] == ["gateway west-1", "gateway east-2"]


def test_a_connection_that_did_not_live_on_has_no_stall() -> None:
    dead = Connection(Outcome.SILENT, 5.0, 2000 * MS)
    told = run(pod=dead).document()
    assert told["tcp_stall_ms"] is None
    assert told["tcp"]["outcome"] == "silent"


def test_an_impossible_fault_and_a_failed_run_are_told_by_name() -> None:
    impossible = Run("vxlan", "hand-over", 1, impossible="no such command")
    failed = Run("vxlan", "kill", 1, failure="not settled after 60 s")
    assert [one.document() for one in (impossible, failed)] == [
        {"driver": "vxlan", "scenario": "hand-over", "run": 1, "impossible": "no such command"},
        {"driver": "vxlan", "scenario": "kill", "run": 1, "failure": "not settled after 60 s"},
    ]
    text = printed(impossible, failed)
    assert "not possible with this release: no such command" in text
    assert "failed: not settled after 60 s" in text


def test_a_table_has_a_line_for_each_scenario_and_the_story_of_each_run() -> None:
    text = printed(run(), run(number=2), run("kill"))
    lines = [line for line in text.splitlines() if line.startswith(" vxlan")]
    assert [line.split()[1] for line in lines] == ["power-off", "kill"]
    assert text.count("1 moves, 1 changes of role") == 3
    assert text.count("(east-1 does not answer; before: 13 misses in 310ms)") == 3
    assert text.count("+310 ms  gateway west-1: path to east: east-1 -> east-2") == 3
    assert "connection 2; and 2 more" in text


def test_several_runs_are_told_as_least_median_and_most() -> None:
    assert spread([]) == "-"
    assert spread([1234.6]) == "1,235"
    assert spread([3, 1, 2]) == "1 / 2 / 3"
    assert spread([4, 1, 2, 100]) == "1 / 3 / 100", "the median of an even number is between two"
    alive = Connection(Outcome.ALIVE, 0.02, 0)

    def told(*runs: Run) -> dict[str, str]:
        headings = [column.heading for column in COLUMNS]
        return dict(zip(headings, cells(COLUMNS, documents(*runs)), strict=True))

    found = told(run(), run(service=alive))
    assert found["ClusterIP"] == "20, 1 of 2 reset"
    assert told(run())["ClusterIP"] == "reset"


def test_the_summary_has_least_median_and_most_of_each_driver_and_scenario() -> None:
    alive = Connection(Outcome.ALIVE, 0.02, 0)
    runs = documents(
        run(),
        run(number=2, forward=direction(600, 700), service=alive, lead=None),
        Run("vxlan", "power-off", 3, failure="not settled"),
        run("kill"),
    )
    assert whole(runs)["runs"] == runs
    first, second = summary(runs)
    assert (first["driver"], first["scenario"]) == ("vxlan", "power-off")
    assert (first["runs"], first["failed"], first["recovered"]) == (2, 1, 2)
    assert first["lost_forward"] == {"min": 100, "p50": 200, "max": 300}
    assert first["new_leader_s"] == {"min": 2.9, "p50": 2.9, "max": 2.9}
    assert first["cluster_ip"] == {
        "outcomes": {"reset": 1, "alive": 1},
        "stall_ms": {"min": 20.0, "p50": 20.0, "max": 20.0},
    }
    assert (second["scenario"], second["runs"]) == ("kill", 1)


def test_the_documentation_has_the_same_figures_as_markdown() -> None:
    alive = Connection(Outcome.ALIVE, 1.477, 0)
    failed = Run("vxlan", "sigterm", 1, failure="not settled")
    runs = documents(run(), run("kill", service=alive, lead=None), failed)
    assert markdown(runs).splitlines() == [
        f"| fault | {' | '.join(column.title for column in COLUMNS if column.title)} |",
        "|---|---|---|---|---|---|---|---|",
        "| power-off | 300 | 50 | 300 | 50 | 420 | reset | 2.9 |",
        "| kill | 300 | 50 | 300 | 50 | 420 | 1,477 | – |",
        "| sigterm | failed |  |  |  |  |  |  |",
    ]
    both = markdown([*runs, *({**one, "driver": "direct"} for one in runs)])
    assert [line for line in both.splitlines() if line.startswith("#")] == [
        "### vxlan",
        "### direct",
    ]


def test_a_noisy_machine_and_a_crash_are_not_kept_quiet() -> None:
    text = printed(
        run(
            forward=direction(100, 120), lease=6.0, crashes=("gateway of east-1",), recovered=False
        )
    )
    assert "20 packets were lost before the fault" in text
    assert "the lease was widened to 6 s" in text
    assert "a traceback in the log of gateway of east-1" in text
    assert "traffic did not flow again" in text


def test_those_who_moved_on_evidence_remember_it() -> None:
    moved, *others = FIGURES.noticed
    assert FIGURES.remembering == {moved.process}
    assert not run(noticed=tuple(others)).figures.remembering
    agent = replace(moved, who="route agent east-3", node="east-3")
    assert agent.process == "route-agent of east-3"


def test_a_stream_is_alive_reset_or_silent() -> None:
    assert judge(stream()).outcome is Outcome.ALIVE
    assert judge(stream(silence=2.0)).outcome is Outcome.SILENT
    reset = judge(stream(error="Connection reset by peer", silence=0.0))
    assert (reset.outcome, reset.error) == (Outcome.RESET, "Connection reset by peer")
