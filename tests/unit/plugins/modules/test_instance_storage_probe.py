# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.modules import instance_storage_probe

TOKEN = "6d696772-6174-4e00-8b6d-6f7665210001"


class Host:
    """A folder for servers, and a nova.conf that names it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder / "instances"
        self.folder.mkdir()
        self.conf = folder / "nova.conf"
        self.conf.write_text(f"[DEFAULT]\ninstances_path = {self.folder}\n", "utf-8")
        self.capsys = capsys

    def run(self, state: str, token: str = TOKEN, check: bool = False) -> dict[str, Any]:
        given = {"token": token, "state": state, "nova_conf": [str(self.conf)], "_ansible_check_mode": check}
        with patch_module_args(given), pytest.raises(SystemExit):
            instance_storage_probe.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


def test_what_one_writes_another_sees(host: Host) -> None:
    assert not host.run("seen")["seen"]
    assert host.run("present")["changed"]
    assert not host.run("present")["changed"]
    looked = host.run("seen")
    assert (looked["seen"], looked["changed"]) == (True, False)
    assert [str(path) for path in host.folder.iterdir()] == [looked["path"]]
    assert not host.run("seen", "6d696772-6174-4e00-8b6d-6f7665210002")["seen"]
    assert host.run("absent")["changed"]
    assert not host.run("absent")["changed"]
    assert list(host.folder.iterdir()) == []


def test_check_mode_changes_nothing(host: Host) -> None:
    assert host.run("present", check=True)["changed"]
    assert list(host.folder.iterdir()) == []
    host.run("present")
    assert host.run("absent", check=True)["changed"]
    assert host.run("seen")["seen"]


def test_only_a_uuid_becomes_a_file(host: Host) -> None:
    assert "that is not a uuid" in host.run("absent", "x/../../nova.conf")["msg"]


def test_there_is_no_folder_for_servers(host: Host) -> None:
    host.folder.rmdir()
    message = host.run("seen")["msg"]
    assert message.startswith("Failed to look for ")
    assert f"{host.folder} does not exist" in message
