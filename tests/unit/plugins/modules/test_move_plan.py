# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.modules import move_plan

OBSERVED = Path(__file__).parents[1] / "module_utils" / "_move" / "observed.json"


def run(arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit):
        move_plan.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_the_plan_is_shown_as_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(json.loads(OBSERVED.read_text("utf-8")), capsys)
    assert not result["changed"]
    assert result["blockers"] == []
    assert result["plan"]["destination"]["host"] == "compute21"
    assert result["diff"] == {"before": "", "after": "\n".join(result["steps"]) + "\n"}


def test_it_is_planned_in_check_mode_too(capsys: pytest.CaptureFixture[str]) -> None:
    observed = json.loads(OBSERVED.read_text("utf-8"))
    observed["move"]["server"]["locked"] = True
    result = run({**observed, "_ansible_check_mode": True}, capsys)
    assert result["blockers"] == [
        {
            "object": "server web1",
            "cause": "it is locked.",
            "remedy": "openstack server unlock 518e2a6d-2e56-4163-9fa3-7938e39f87fb",
            "elsewhere": False,
        }
    ]


def test_arguments_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "missing required arguments: move, source_host" in run({}, capsys)["msg"]
