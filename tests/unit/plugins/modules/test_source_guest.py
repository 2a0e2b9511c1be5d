# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host import lock
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes, volume_id
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import domain_xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest

#: The one domain of libvirt's test driver; it runs.
SERVER = "6695eb01-f6a4-8304-79aa-97f2502e193f"
MIGRATION = "6d696772-6174-4e00-8b6d-6f7665210001"

Run = Callable[[dict[str, Any]], dict[str, Any]]


class Host:
    """libvirt's test driver and a folder for servers: all of a host that a guest without disks needs."""

    def __init__(self, folder: Path, libvirt_uri: str, run: Run) -> None:
        self.folder = folder / SERVER
        self.folder.mkdir()
        self.conf = folder / "nova.conf"
        self.conf.write_text(f"[DEFAULT]\ninstances_path = {folder}\n", "utf-8")
        self.libvirt_uri = libvirt_uri
        self.run_module = run

    def run(self, state: str, check: bool = False, **given: Any) -> dict[str, Any]:
        return self.run_module(
            {
                "server": SERVER,
                "migration": MIGRATION,
                "state": state,
                "nova_conf": [str(self.conf)],
                "libvirt_uri": self.libvirt_uri,
                "_ansible_check_mode": check,
                **given,
            }
        )


@pytest.fixture
def host(tmp_path: Path, libvirt_uri: str, run: Run) -> Host:
    return Host(tmp_path, libvirt_uri, run)


def test_released_and_restored(host: Host) -> None:
    planned = host.run("released", check=True)
    assert planned["steps"] == ["keep", "shut_down", "undefine", "disconnect"]
    assert planned["diff"]["after"] == {"guest": "absent", "folder": "present"}
    assert list(host.folder.iterdir()) == []

    released = host.run("released")
    assert released["changed"]
    assert released["steps"] == planned["steps"]
    assert released["guest_state"] == "absent"
    assert released["was_running"] is True
    assert f"<uuid>{SERVER}</uuid>" in released["domain_xml"]

    again = host.run("released")
    assert not again["changed"]
    assert again["domain_xml"] == released["domain_xml"]

    assert host.run("restored", check=True)["guest_state"] == "running"
    restored = host.run("restored")
    assert restored["steps"] == ["connect", "define", "start", "forget"]
    assert restored["guest_state"] == "running"
    assert list(host.folder.iterdir()) == []
    assert not host.run("restored")["changed"]


def test_a_guest_is_asked_again_as_often_as_nova_asks(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def shut_down(self: Guest, _timeout_s: float, retry_interval_s: float) -> bool:
        asked.append(retry_interval_s)
        self.destroy()
        return False

    monkeypatch.setattr(Guest, "shut_down", shut_down)
    host.run("released")
    host.run("restored")
    with host.conf.open("a", encoding="utf-8") as conf:
        conf.write("[compute]\nshutdown_retry_interval = 3\n")
    host.run("released")
    host.run("restored")
    host.run("released", shutdown_retry_interval_s=7)
    assert asked == [10, 3, 7]


def test_what_is_left_is_removed_and_a_running_guest_is_not(host: Host) -> None:
    assert "it runs on this host" in host.run("absent")["msg"]
    host.run("released")
    assert host.run("absent")["steps"] == ["remove_directory"]
    assert not host.folder.exists()
    assert not host.run("absent")["changed"]


def test_a_guest_that_left_running_has_left_its_volumes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    disconnected: list[str] = []
    monkeypatch.setattr(Volumes, "disconnect", lambda _self, info: disconnected.append(volume_id(info)))
    volumes = [{"volume_id": "v", "connection_info": {"driver_volume_type": "rbd", "data": {"name": "v"}}}]
    assert "it runs on this host" in host.run("absent", volumes=volumes)["msg"]
    assert disconnected == []
    with libvirt.open(host.libvirt_uri) as connection:
        guest = connection.lookupByUUIDString(SERVER)
        guest.destroy()
        guest.undefine()
    assert host.run("absent", volumes=volumes)["steps"] == ["disconnect", "remove_directory"]
    assert disconnected == ["v"]
    assert not host.folder.exists()
    assert not host.run("absent", volumes=volumes)["changed"]


def test_a_wrong_transfer_costs_no_downtime(host: Host) -> None:
    transfers = [{"disk": "disk", "image_id": "i", "disk_format": "raw"}]
    failed = host.run("released", transfers=transfers)
    assert failed["msg"].startswith(f"Failed to upload disk disk of server {SERVER}: ")
    assert host.run("restored")["guest_state"] == "running"


def test_a_run_that_goes_on_disconnects_what_the_first_was_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    disconnected: list[str] = []

    def killed(_self: Volumes, _info: dict[str, Any]) -> None:
        raise OSError("killed")

    monkeypatch.setattr(Volumes, "disconnect", killed)
    info = {"driver_volume_type": "rbd", "data": {"name": "volumes/volume-v"}}
    volumes = [{"volume_id": "v", "connection_info": info}]
    assert "killed" in host.run("released", volumes=volumes)["msg"]
    assert stat.S_IMODE((host.folder / "stackmove-state.json").stat().st_mode) == 0o600

    monkeypatch.setattr(Volumes, "disconnect", lambda _self, info: disconnected.append(volume_id(info)))
    assert host.run("released")["steps"] == ["disconnect"]
    assert disconnected == ["v"]


def test_what_was_noted_outlives_a_guest_that_ran_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(Volumes, "disconnect", lambda _self, info: seen.append(volume_id(info)))
    info = {"driver_volume_type": "rbd", "data": {"name": "volumes/volume-v"}}
    host.run("released", volumes=[{"volume_id": "v", "connection_info": info}])
    note = host.folder / "stackmove-state.json"
    kept = note.read_text("utf-8")
    monkeypatch.setattr(Volumes, "connect", lambda _self, info: {"serial": seen.append(volume_id(info)), **info})
    monkeypatch.setattr(domain_xml, "with_volumes", lambda text, _connections: text)
    host.run("restored")
    note.write_text(kept, "utf-8")
    assert host.run("released")["steps"][0] == "keep"
    assert seen == ["v"] * 3


def test_another_move_is_refused(host: Host) -> None:
    host.run("released")
    other = "6d696772-6174-4e00-8b6d-6f7665210002"
    assert f"migration {MIGRATION} has let it go" in host.run("released", migration=other)["msg"]
    assert f"migration {MIGRATION} has let it go" in host.run("restored", migration=other)["msg"]


def test_the_server_is_not_here(host: Host) -> None:
    absent = "00000000-0000-4000-8000-000000000000"
    assert "it is not defined on this host" in host.run("released", server=absent)["msg"]


def test_a_volume_without_a_connection(host: Host) -> None:
    message = host.run("released", volumes=[{"volume_id": "v", "connection_info": None}])["msg"]
    assert message.startswith("Failed to use volume v: it has no connection_info")
    unknown = {"volume_id": "v", "connection_info": {"driver_volume_type": "gpfs", "data": {}}}
    assert "its protocol gpfs is not supported" in host.run("released", volumes=[unknown])["msg"]


def test_one_at_a_time(host: Host) -> None:
    with lock.held(SERVER, 0):
        assert "another module works on it" in host.run("released", lock_timeout_s=0)["msg"]
        assert host.run("released", check=True)["steps"]
