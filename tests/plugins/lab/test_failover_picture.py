"""The picture of a run."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from submariner_lab.failover.figures import Run
from submariner_lab.failover.picture import FAULT, LEADER, LEAST, MOVE, draw

from tests.plugins.lab.failover_figures import run

SVG = "{http://www.w3.org/2000/svg}"


def parsed(*runs: Run) -> ET.Element:
    return ET.fromstring(draw(runs))


def lines(panel: ET.Element) -> dict[str, float]:
    return {one.attrib["stroke"]: float(one.attrib["x1"]) for one in panel.iter(f"{SVG}line")}


def test_a_panel_shows_fault_first_move_and_new_leader_in_that_order() -> None:
    (panel,) = parsed(run()).findall(f"{SVG}g")
    found = lines(panel)
    assert found[FAULT] < found[MOVE] < found[LEADER]
    text = " ".join(part.text or "" for part in panel.iter(f"{SVG}tspan"))
    assert text == (
        "power off east-1 first move, gateway west-1 +0.31 s power on <east-1> +1.00 s"
        " new leader, east-2 +2.90 s"
    )


def test_packets_of_both_directions_are_drawn_and_an_outage_touches_the_ground() -> None:
    (panel,) = parsed(run()).findall(f"{SVG}g")
    least = [one.attrib["d"] for one in panel.iter(f"{SVG}path") if one.attrib["fill"] == LEAST]
    assert len(least) == 2
    for path in least:
        floor = path.split("H", 1)[0].split()[1]
        assert path.count(f"V{floor}") >= 2  # once in the outage, once at the end


def test_each_run_has_a_panel_and_one_without_figures_says_why() -> None:
    picture = parsed(run(), Run("vxlan", "kill", 1, failure="no <lab>"))
    titles = [one.text for one in picture.iter(f"{SVG}title") if ": " in (one.text or "")]
    assert "vxlan: power-off, run 1" in titles
    assert "vxlan: kill, run 1" in titles
    assert "no <lab>" in [one.text for one in picture.iter(f"{SVG}text")]
