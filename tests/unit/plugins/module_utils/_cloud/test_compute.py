# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.compute import (
    reboot_hard,
    server_view,
    wait_until_active,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud

SERVER = "7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55"
PATH = f"/compute/v2.1/servers/{SERVER}"


def shown(status: str, task_state: str | None = None, **more: Any) -> tuple[int, Any]:
    server = {"id": SERVER, "status": status, "OS-EXT-STS:task_state": task_state, "OS-EXT-SRV-ATTR:host": "src"}
    return 200, {"server": {**server, **more}}


def test_server_view() -> None:
    server: dict[str, Any] = {
        "id": "server",
        "name": "web1",
        "status": "ACTIVE",
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-SRV-ATTR:host": "compute11",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": "compute11.example.org",
        "OS-EXT-SRV-ATTR:instance_name": "instance-00000001",
        "OS-EXT-AZ:availability_zone": "nova",
        "OS-SRV-USG:launched_at": "2026-01-01T00:00:00.000000",
        "image": "",
        "tenant_id": "project",
        "user_id": "user",
        "tags": ["b", "a"],
        "os-extended-volumes:volumes_attached": [{"id": "vol", "delete_on_termination": False}],
    }
    view = server_view(server)
    assert view["vm_state"] == "active"
    assert view["host"] == "compute11"
    assert view["hypervisor_hostname"] == "compute11.example.org"
    assert view["availability_zone"] == "nova"
    assert view["image_id"] is None
    assert view["tags"] == ["a", "b"]
    assert view["volume_ids"] == ["vol"]
    assert view["locked"] is False


def test_a_server_of_a_cell_that_is_down_has_little_to_show() -> None:
    view = server_view({"id": "server", "status": "UNKNOWN", "tenant_id": "project"})
    assert view["status"] == "UNKNOWN"
    assert view["host"] is None
    assert view["volume_ids"] == []


def test_a_reboot_is_waited_for(cloud: Cloud, conn: Any) -> None:
    cloud.answers = {
        f"POST {PATH}/action": [(202, {})],
        f"GET {PATH}": [
            shown("HARD_REBOOT", "reboot_started_hard"),
            shown("ACTIVE", "reboot_started_hard"),
            shown("ACTIVE"),
        ],
    }
    reboot_hard(conn, SERVER)
    assert wait_until_active(conn, SERVER, 10)["host"] == "src"
    assert len(cloud.asked) == 4


def test_a_reboot_ends_in_error(cloud: Cloud, conn: Any) -> None:
    cloud.answers = {f"GET {PATH}": [shown("ERROR", fault={"message": "no such disk"})]}
    with pytest.raises(StackmoveError, match=r"in error: no such disk\. Remedy: See nova-compute's log on src"):
        wait_until_active(conn, SERVER, 10)


def test_a_reboot_takes_too_long(cloud: Cloud, conn: Any) -> None:
    cloud.answers = {f"GET {PATH}": [shown("HARD_REBOOT", "reboot_started_hard")]}
    with pytest.raises(StackmoveError, match="after 10 s it is HARD_REBOOT, task_state reboot_started_hard"):
        wait_until_active(conn, SERVER, 10)
