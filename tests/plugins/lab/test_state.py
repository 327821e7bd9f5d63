from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from submariner_lab import state


def test_a_lab_of_a_living_owner_is_no_orphan(tmp_path: Path) -> None:
    state.write(state.of_this_process("aaaa"), tmp_path)
    assert [found.orphaned for found in state.recorded(tmp_path)] == [False]


def test_a_lab_of_a_dead_owner_is_an_orphan_unless_kept(tmp_path: Path) -> None:
    dead = replace(state.of_this_process("aaaa"), owner=2**22 + 1)
    state.write(dead, tmp_path)
    state.write(replace(dead, lab_id="bbbb", kept=True), tmp_path)
    assert {found.lab_id: found.orphaned for found in state.recorded(tmp_path)} == {
        "aaaa": True,
        "bbbb": False,
    }


def test_a_later_process_with_the_owners_pid_does_not_own_the_lab() -> None:
    stranger = state.LabState("aaaa", os.getpid(), owner_start="1")
    assert stranger.orphaned


def test_an_unreadable_record_is_an_orphans(tmp_path: Path) -> None:
    (tmp_path / "cccc").mkdir()
    (tmp_path / "cccc" / state.FILE).write_text("{half")
    (found,) = state.recorded(tmp_path)
    assert (found.lab_id, found.orphaned) == ("cccc", True)


def test_orphans_are_removed_and_others_stay(tmp_path: Path) -> None:
    root = tmp_path / "labs"
    state.write(state.of_this_process("aaaa"), root)
    state.write(state.LabState("bbbb", 2**22 + 1, "1"), root)
    assert state.remove_orphans(root) == ("bbbb",)
    assert [found.lab_id for found in state.recorded(root)] == ["aaaa"]
    state.remove("aaaa", root)
    assert not root.exists()
