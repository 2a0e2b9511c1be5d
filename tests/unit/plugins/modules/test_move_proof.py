# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import Observed
from ansible_collections.stackmove.nova.plugins.module_utils._move.plan import make_plan

OBSERVED = Path(__file__).parents[1] / "module_utils" / "_move" / "observed.json"


Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_a_server_that_has_not_moved_proves_nothing(run: Run) -> None:
    observed = json.loads(OBSERVED.read_text("utf-8"))
    plan = make_plan(Observed(**observed), {}, "{}")
    result = run({"plan": plan, **observed, "off_s": 12.5})
    assert not result["changed"]
    assert not result["proven"]
    assert {check["what"] for check in result["checks"] if check["ok"]} >= {"server", "flavor", "temporary images"}
    assert {check["what"] for check in result["checks"] if not check["ok"]} >= {"host", "cell", "guest on compute21"}
    assert result["table"][0].startswith("web1: ")
    assert result["table"][0].endswith("; the guest was off for 12.5 s")


def test_arguments_are_checked(run: Run) -> None:
    assert "missing required arguments: destination_host, move, plan" in run({})["msg"]
