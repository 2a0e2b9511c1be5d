# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ARGUMENTS: dict[str, Any] = {"server": "s", "migration": "m", "cell": "cell2"}

Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_arguments_are_checked(run: Run) -> None:
    assert "value of state must be one of" in run({**ARGUMENTS, "state": "present"})["msg"]
    assert "missing required arguments: cell, migration, server" in run({})["msg"]
