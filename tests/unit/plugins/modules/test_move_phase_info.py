# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._nova import cells, states, steps
from ansible_collections.stackmove.nova.plugins.modules import move_phase_info

ARGUMENTS: dict[str, Any] = {"server": "s", "migration": "m", "source_cell": "cell1", "target_cell": "cell2"}
CELLS = {name: cells.Cell(number, f"uuid-{number}", name, "") for number, name in enumerate(("cell1", "cell2"), 2)}


class FakeCells:
    """The two cells, by name."""

    def by_uuid(self, name: str) -> cells.Cell:
        """That of this name."""
        return CELLS[name]


def run(arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit):
        move_phase_info.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_arguments_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "missing required arguments: migration, server, source_cell, target_cell" in run({}, capsys)["msg"]


@pytest.mark.parametrize(("phase", "home", "held"), [("returned", "cell1", "here"), ("confirming", "cell2", "there")])
def test_the_run_is_that_of_the_cell_that_keeps_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], phase: str, home: str, held: str
) -> None:
    views = [states.CellView(None, None, None, {states.RUN_KEY: name}, [], "[]") for name in ("here", "there")]
    monkeypatch.setattr(move_phase_info, "open_cells", lambda _params: FakeCells())
    monkeypatch.setattr(steps, "where", lambda *_arguments: steps.Found(CELLS[home], *views, phase, False))
    result = run(ARGUMENTS, capsys)
    assert {name: result[name] for name in ("phase", "cell", "moved", "run", "deleted", "changed")} == {
        "phase": phase,
        "cell": home,
        "moved": home == "cell2",
        "run": held,
        "deleted": False,
        "changed": False,
    }
