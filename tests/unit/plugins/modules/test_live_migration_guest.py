# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import STATE_FILE

#: The one domain of libvirt's test driver; it runs.
SERVER = "6695eb01-f6a4-8304-79aa-97f2502e193f"
MIGRATION = "6d696772-6174-4e00-8b6d-6f7665210001"
OURS = {"role": "destination", "migration": MIGRATION, "live": True}

Run = Callable[[dict[str, Any]], dict[str, Any]]


class Host:
    """libvirt's test driver and a folder for servers."""

    def __init__(self, folder: Path, libvirt_uri: str, run: Run) -> None:
        self.folder = folder / SERVER
        self.conf = folder / "nova.conf"
        self.conf.write_text(f"[DEFAULT]\ninstances_path = {folder}\n", "utf-8")
        self.libvirt_uri = libvirt_uri
        self.run_module = run

    def note(self, **noted: Any) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / STATE_FILE).write_text(json.dumps(noted), "utf-8")

    def run(self, check: bool = False) -> dict[str, Any]:
        return self.run_module(
            {
                "server": SERVER,
                "migration": MIGRATION,
                "nova_conf": [str(self.conf)],
                "libvirt_uri": self.libvirt_uri,
                "_ansible_check_mode": check,
            }
        )


@pytest.fixture
def host(tmp_path: Path, libvirt_uri: str, run: Run) -> Host:
    return Host(tmp_path, libvirt_uri, run)


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
