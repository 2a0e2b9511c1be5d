# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._host import lock
from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import STATE_FILE
from ansible_collections.stackmove.nova.plugins.modules import live_migration_guest

URI = "test:///default"
#: The one domain of libvirt's test driver; it runs.
SERVER = "6695eb01-f6a4-8304-79aa-97f2502e193f"
MIGRATION = "6d696772-6174-4e00-8b6d-6f7665210001"
OURS = {"role": "destination", "migration": MIGRATION, "live": True}


class Host:
    """libvirt's test driver and a folder for servers."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder / SERVER
        self.conf = folder / "nova.conf"
        self.conf.write_text(f"[DEFAULT]\ninstances_path = {folder}\n", "utf-8")
        self.capsys = capsys

    def note(self, **noted: Any) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / STATE_FILE).write_text(json.dumps(noted), "utf-8")

    def run(self, check: bool = False) -> dict[str, Any]:
        arguments = {
            "server": SERVER,
            "migration": MIGRATION,
            "nova_conf": [str(self.conf)],
            "libvirt_uri": URI,
            "_ansible_check_mode": check,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            live_migration_guest.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(lock, "FOLDER", locks)
    # The test driver forgets everything with its last connection, so one is held.
    connection = libvirt.open(URI)
    yield Host(tmp_path, capsys)
    connection.close()


def test_what_this_migration_has_brought_is_destroyed(host: Host) -> None:
    host.note(**OURS, phase="awaiting")
    planned = host.run(check=True)
    assert (planned["changed"], planned["guest_state"]) == (True, "running")
    done = host.run()
    assert (done["changed"], done["guest_state"]) == (True, "running")
    assert (host.folder / STATE_FILE).exists()
    again = host.run()
    assert (again["changed"], again["guest_state"]) == (False, "absent")


@pytest.mark.parametrize(
    "noted",
    [
        pytest.param(None, id="Nova's, or settled"),
        pytest.param({**OURS, "migration": "another"}, id="another migration's"),
        pytest.param({**OURS, "role": "source"}, id="it has left"),
        pytest.param({"role": "destination", "migration": MIGRATION}, id="not by a live migration"),
    ],
)
def test_any_other_guest_is_left_alone(host: Host, noted: dict[str, Any] | None) -> None:
    if noted is not None:
        host.note(**noted)
    refused = host.run()
    assert "no note in its folder on this host says that this live migration has brought it" in refused["msg"]
    host.note(**OURS)
    assert host.run(check=True)["guest_state"] == "running"
