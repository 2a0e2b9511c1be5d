# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._nova import live, states
from ansible_collections.stackmove.nova.plugins.modules import live_migration_info

ARGUMENTS: dict[str, Any] = {"server": "s", "migration": "m"}


def run(arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit):
        live_migration_info.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_a_server_that_is_gone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    migration = {"status": "running", "source_compute": "src", "dest_compute": "dst"}
    view = states.CellView(instance=None, extra=None, migration=migration, metadata={}, volumes=(), network_info="[]")
    monkeypatch.setattr(live_migration_info, "open_cells", lambda _params: None)
    monkeypatch.setattr(live, "where", lambda *_arguments: live.Found("cell1", view, True))
    result = run(ARGUMENTS, capsys)
    assert {name: result[name] for name in ("phase", "host", "vm_state", "deleted", "gone")} == {
        "phase": "running",
        "host": None,
        "vm_state": None,
        "deleted": True,
        "gone": True,
    }


def test_arguments_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "missing required arguments: migration, server" in run({}, capsys)["msg"]


@pytest.mark.parametrize(("host", "phase"), [("src", "running"), ("dst", "arrived")])
def test_what_is_found_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str, phase: str
) -> None:
    view = states.CellView(
        instance={"host": host, "vm_state": "active"},
        extra=None,
        migration={"status": "running", "source_compute": "src", "dest_compute": "dst"},
        metadata={states.RUN_KEY: "this one"},
        volumes=[],
        network_info="[]",
    )
    monkeypatch.setattr(live_migration_info, "open_cells", lambda _params: None)
    monkeypatch.setattr(live, "where", lambda *_arguments: live.Found("cell1", view, False))
    result = run(ARGUMENTS, capsys)
    assert {
        name: result[name]
        for name in ("phase", "status", "cell", "host", "vm_state", "run", "deleted", "gone", "changed")
    } == {
        "phase": phase,
        "status": "running",
        "cell": "cell1",
        "host": host,
        "vm_state": "active",
        "run": "this one",
        "deleted": False,
        "gone": False,
        "changed": False,
    }
