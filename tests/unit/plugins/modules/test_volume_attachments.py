# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ARGUMENTS: dict[str, Any] = {"server": "s", "volumes": [{"volume_id": "v"}], "held_by": "source"}


Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_arguments_are_checked(run: Run) -> None:
    assert (
        "missing required arguments: volume_id"
        in run({"server": "s", "volumes": [{"mountpoint": "vda"}], "held_by": "source"})["msg"]
    )


def test_no_cloud_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OS_CLOUD", raising=False)
    message = run(ARGUMENTS)["msg"]
    assert message.startswith("Failed to connect to the cloud: no entry of clouds.yaml is named. Remedy: ")


def test_the_cloud_is_unknown(run: Run) -> None:
    message = run({**ARGUMENTS, "cloud": "nowhere"})["msg"]
    assert message.startswith("Failed to connect to cloud nowhere: ")
    assert message.endswith("Remedy: Check the entry nowhere in clouds.yaml: it names its operator.")
