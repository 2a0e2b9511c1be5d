# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.modules import server_reboot

ARGUMENTS: dict[str, Any] = {"server": "7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55"}


def run(arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit):
        server_reboot.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["failed"]
    return result


def test_arguments_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "missing required arguments: server" in run({}, capsys)["msg"]


def test_no_cloud_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OS_CLOUD", raising=False)
    message = run(ARGUMENTS, capsys)["msg"]
    assert message.startswith("Failed to connect to the cloud: no entry of clouds.yaml is named. Remedy: ")


def test_the_cloud_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    message = run({**ARGUMENTS, "cloud": "nowhere"}, capsys)["msg"]
    assert message.startswith("Failed to connect to cloud nowhere: ")
    assert message.endswith("Remedy: Check the entry nowhere in clouds.yaml: it names its operator.")
