# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_arguments_are_checked(run: Run) -> None:
    message = run({"server": "s", "migration": "m"})["msg"]
    assert "missing required arguments: hosts, state" in message


def test_no_cloud_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OS_CLOUD", raising=False)
    message = run({"server": "s", "migration": "m", "hosts": ["h"], "state": "absent"})["msg"]
    assert message.startswith("Failed to connect to the cloud: no entry of clouds.yaml is named. Remedy: ")
