# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.stackmove.nova.plugins.modules import move_plan

OBSERVED = Path(__file__).parents[1] / "module_utils" / "_move" / "observed.json"


Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_the_plan_is_shown_as_a_difference(run: Run) -> None:
    result = run(json.loads(OBSERVED.read_text("utf-8")))
    assert not result["changed"]
    assert result["blockers"] == []
    assert result["plan"]["destination"]["host"] == "compute21"
    assert result["diff"] == {"before": "", "after": "\n".join(result["steps"]) + "\n"}


def test_all_of_the_plan_is_documented(run: Run) -> None:
    observed = json.loads(OBSERVED.read_text("utf-8"))
    documented = yaml.safe_load(move_plan.RETURN)["plan"]["contains"]
    plans = [run({**observed, "job": job})["plan"] for job in ("move", "cross_cell_live_migrate")]
    assert {key for plan in plans for key in plan} == set(documented)
    assert set(plans[0]["source"]) == set(documented["source"]["contains"])
    assert set(plans[0]["destination"]) == {*documented["source"]["contains"], "compute_node"}


def test_it_is_planned_in_check_mode_too(run: Run) -> None:
    observed = json.loads(OBSERVED.read_text("utf-8"))
    observed["move"]["server"]["locked"] = True
    result = run({**observed, "_ansible_check_mode": True})
    assert result["blockers"] == [
        {
            "object": "server web1",
            "cause": "it is locked.",
            "remedy": "openstack server unlock 518e2a6d-2e56-4163-9fa3-7938e39f87fb",
            "elsewhere": False,
        }
    ]


def test_arguments_are_checked(run: Run) -> None:
    assert "missing required arguments: move, source_host" in run({})["msg"]
