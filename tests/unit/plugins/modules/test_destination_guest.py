# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host import lock, qemu_img
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import ImageService
from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import base_name
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes, volume_id

SERVER = "6f70656e-7374-4163-8b6d-6f7665210001"
MIGRATION = "6d696772-6174-4e00-8b6d-6f7665210001"
GUEST = f"""<domain type='test'>
  <name>instance-0000000a</name>
  <uuid>{SERVER}</uuid>
  <memory unit='KiB'>131072</memory>
  <vcpu>1</vcpu>
  <os><type>hvm</type></os>
</domain>
"""

Run = Callable[[dict[str, Any]], dict[str, Any]]


class Host:
    """libvirt's test driver and a folder for servers: all of a host that a guest without disks needs."""

    def __init__(self, folder: Path, libvirt_uri: str, run: Run) -> None:
        self.folder = folder / SERVER
        self.conf = folder / "nova.conf"
        self.conf.write_text(f"[DEFAULT]\ninstances_path = {folder}\n[libvirt]\nvirt_type = test\n", "utf-8")
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

    def take(self, state: str, check: bool = False, **given: Any) -> dict[str, Any]:
        return self.run(
            state,
            check,
            domain_xml=GUEST,
            domain_name="instance-0000002a",
            source_path=f"/var/lib/nova/instances/{SERVER}",
            flavor={"name": "m1.big", "memory_mb": 256, "vcpus": 2, "root_gb": 1, "extra_specs": {}},
            **given,
        )


@pytest.fixture
def host(tmp_path: Path, libvirt_uri: str, run: Run) -> Host:
    return Host(tmp_path, libvirt_uri, run)


def test_from_room_to_settled(host: Host) -> None:
    assert host.run("staged", check=True)["steps"] == ["create_directory"]
    assert not host.folder.exists()
    assert host.run("staged")["changed"]
    assert not host.run("staged")["changed"]

    assert host.take("stopped", check=True)["domain"]["state"] == "shutoff"
    stopped = host.take("stopped")
    assert stopped["domain"] == {"uuid": SERVER, "name": "instance-0000002a", "state": "shutoff"}
    assert "vcpus: 1 → 2" in stopped["changes"]
    assert stopped["off_until"] is None
    assert not host.take("stopped")["changed"]

    running = host.take("running")
    assert running["steps"] == ["start"]
    assert running["domain"]["state"] == "running"
    assert running["off_until"] > 0
    again = host.take("running")
    assert not again["changed"]
    assert again["changes"] == stopped["changes"]

    assert host.run("settled")["changed"]
    assert [path.name for path in host.folder.iterdir()] == ["console.log"]
    assert not host.run("settled")["changed"]
    assert "was not made by this move" in host.run("absent")["msg"]
    assert host.folder.is_dir()


def test_given_up(host: Host) -> None:
    assert not host.run("absent")["changed"]
    host.run("staged")
    host.take("running")
    planned = host.run("absent", check=True)
    assert planned["diff"]["after"] == {"guest": "absent", "folder": "absent"}
    assert host.run("absent")["steps"] == ["destroy", "disconnect", "remove_directory"]
    assert not host.folder.exists()
    assert not host.run("absent")["changed"]


def test_what_others_made_is_left_alone(host: Host) -> None:
    host.folder.mkdir()
    (host.folder / "disk").write_text("precious", "utf-8")
    assert "was not made by this move" in host.run("staged")["msg"]
    assert host.run("absent")["changed"] is False
    assert "was not made by this move" in host.take("running")["msg"]
    assert (host.folder / "disk").read_text("utf-8") == "precious"


def test_a_base_image_that_does_not_fit(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageService, "describe", lambda _self, _image_id: {"size": 10**18})
    glance = {
        "endpoint": "http://localhost:1",
        "token": "a-secret-token",
        "base_image": {"id": "i", "disk_format": "raw"},
    }
    message = host.run("staged", **glance)["msg"]
    assert message.startswith("Failed to put image i into Nova's cache: ")
    assert "bytes free, and 1000000000000000000 are needed" in message


def test_what_a_killed_run_connected_is_disconnected(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    disconnected: list[str] = []

    def killed(_self: Volumes, _info: dict[str, Any]) -> None:
        raise OSError("killed")

    monkeypatch.setattr(Volumes, "connect", killed)
    monkeypatch.setattr(Volumes, "disconnect", lambda _self, info: disconnected.append(volume_id(info)))
    info = {"driver_volume_type": "rbd", "data": {"name": "volumes/volume-v"}}
    volumes = [{"volume_id": "v", "connection_info": info}]
    assert "killed" in host.take("running", volumes=volumes)["msg"]
    assert host.run("absent")["steps"] == ["disconnect", "remove_directory"]
    assert disconnected == ["v"]


def await_it(host: Host, **given: Any) -> dict[str, Any]:
    disks = [
        {"disk": "disk", "disk_format": "qcow2", "virtual_size_bytes": 1024**2},
        {"disk": "disk.eph0", "disk_format": "raw", "virtual_size_bytes": 2 * 1024**2},
    ]
    return host.run("awaited", domain_name="instance-0000002a", disks=disks, **given)


def test_a_guest_that_goes_on_running_is_awaited(host: Host) -> None:
    assert await_it(host)["steps"] == [
        "create_directory",
        "make_disk:disk",
        "make_disk:disk.eph0",
        "settle_files",
        "connect",
    ]
    assert sorted(path.name for path in host.folder.iterdir()) == [
        "console.log",
        "disk",
        "disk.eph0",
        "disk.info",
        "stackmove-state.json",
    ]
    assert (host.folder / "disk.eph0").stat().st_size == 2 * 1024**2
    assert json.loads((host.folder / "disk.info").read_text("utf-8")) == {
        str(host.folder / "disk"): "qcow2",
        str(host.folder / "disk.eph0"): "raw",
    }
    assert not await_it(host)["changed"]
    # What a migration that failed has copied.
    (host.folder / "disk.eph0").write_text("half of it", "utf-8")
    assert await_it(host)["steps"] == ["make_disk:disk.eph0"]
    assert (host.folder / "disk.eph0").stat().st_size == 2 * 1024**2
    assert host.run("absent")["steps"] == ["disconnect", "remove_directory"]
    assert not host.folder.exists()


def test_its_consoles_get_ports_that_are_free(host: Host) -> None:
    assert await_it(host)["serial_ports"] == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = host.conf.read_text("utf-8")
        host.conf.write_text(f"{text}[serial_console]\nport_range = {port}:{port + 50}\n", "utf-8")
        found = await_it(host, tcp_consoles=2)["serial_ports"]
    assert len(set(found)) == 2
    assert port not in found


def test_a_disk_that_stands_on_the_image_does_so_again(host: Host) -> None:
    base = host.conf.parent / "_base" / base_name("i")
    base.parent.mkdir()
    base.write_bytes(b"x" * 4096)
    found = host.run(
        "awaited",
        domain_name="instance-0000002a",
        base_image={"id": "i", "disk_format": "qcow2"},
        disks=[{"disk": "disk", "disk_format": "qcow2", "virtual_size_bytes": 1024**2, "over_base": True}],
    )
    assert "fetch_base" not in found["steps"]
    image = qemu_img.inspect(host.folder / "disk", "qcow2")
    assert (image.backing_path, image.backing_format) == (str(base), "raw")
    assert image.virtual_size_bytes == 1024**2


def test_a_guest_that_has_arrived_is_nobodys_to_remove(host: Host) -> None:
    await_it(host)
    with libvirt.open(host.libvirt_uri) as connection:
        connection.createXML(GUEST)
    (host.folder / "disk").write_text("precious", "utf-8")
    assert not await_it(host)["changed"]
    assert "it may run nowhere else" in host.run("absent")["msg"]
    assert "it may run nowhere else" in host.run("absent", adopt=True)["msg"]
    assert (host.folder / "disk").read_text("utf-8") == "precious"
    assert host.run("settled")["steps"] == ["forget"]
    assert "stackmove-state.json" not in [path.name for path in host.folder.iterdir()]


def test_volumes_of_an_awaited_guest_come_with_their_devices(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    info = {"driver_volume_type": "iscsi", "data": {"target_iqn": "iqn"}}

    def connect(_self: Volumes, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "data": {**info["data"], "device_path": "/dev/sdx"}}

    monkeypatch.setattr(Volumes, "connect", connect)
    volumes = [{"volume_id": "v", "destination_attachment_id": "a", "connection_info": info}]
    for _again in range(2):
        (found,) = await_it(host, volumes=volumes)["volumes"]
        assert found["connection_info"]["data"]["device_path"] == "/dev/sdx"
        assert found["destination_attachment_id"] == "a"


def test_arguments_are_checked(host: Host) -> None:
    assert "domain_xml, domain_name, source_path, flavor" in host.run("running")["msg"]
    transfers = [{"disk": "disk", "image_id": "i", "disk_format": "vmdk"}]
    assert (
        "value of disk_format must be one of: qcow2, raw, got: vmdk" in host.run("absent", transfers=transfers)["msg"]
    )
    assert (
        "no image endpoint or token is given" in host.run("staged", base_image={"id": "i", "disk_format": "raw"})["msg"]
    )


def test_one_at_a_time(host: Host) -> None:
    with lock.held(SERVER, 0):
        assert "another module works on it" in host.run("staged", lock_timeout_s=0)["msg"]
        assert host.run("staged", check=True)["steps"]
