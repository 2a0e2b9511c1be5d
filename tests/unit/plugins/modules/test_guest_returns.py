# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest goes back to the host that it has left: both modules, one after the other, on two hosts.

libvirt's test driver has one set of domains for both hosts, which does no harm as long as one of them has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import libvirt
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._host import lock
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes, volume_id
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import domain_xml
from ansible_collections.stackmove.nova.plugins.modules import destination_guest, source_guest

URI = "test:///default"
SERVER = "6f70656e-7374-4163-8b6d-6f7665210001"
GUEST = f"""<domain type='test'>
  <name>instance-0000000a</name>
  <uuid>{SERVER}</uuid>
  <memory unit='KiB'>262144</memory>
  <vcpu>1</vcpu>
  <os><type>hvm</type></os>
</domain>
"""
MIGRATION = "6d696772-6174-4e00-8b6d-6f7665210001"
NOTE, XML = "stackmove-state.json", "stackmove-domain.xml"
FLAVOR = {"name": "m1.big", "memory_mb": 512, "vcpus": 2, "root_gb": 1}
BEFORE = {"name": "m1.small", "memory_mb": 256, "vcpus": 1, "root_gb": 1}


class Cloud:
    """Two hosts."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.capsys = capsys
        for host in ("old", "new"):
            (path / host).mkdir()
            text = f"[DEFAULT]\ninstances_path = {path / host}\n[libvirt]\nvirt_type = test\n"
            (path / f"{host}.conf").write_text(text, "utf-8")
        self.folder("old").mkdir()
        (self.folder("old") / "console.log").write_text("", "utf-8")

    def folder(self, host: str) -> Path:
        return self.path / host / SERVER

    def files(self, host: str) -> list[str]:
        folder = self.folder(host)
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def noted(self, host: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(host) / NOTE).read_text("utf-8"))
        return found

    def run(self, module: ModuleType, host: str, state: str, **given: Any) -> dict[str, Any]:
        arguments = {
            "server": SERVER,
            "migration": MIGRATION,
            "state": state,
            "nova_conf": [str(self.path / f"{host}.conf")],
            "libvirt_uri": URI,
            **given,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result

    def leave(self, host: str, state: str, **given: Any) -> dict[str, Any]:
        return self.run(source_guest, host, state, **given)

    def arrive(self, host: str, state: str, **given: Any) -> dict[str, Any]:
        return self.run(destination_guest, host, state, **given)

    def move(self, **given: Any) -> None:
        left = self.leave("old", "released", **given)
        self.arrive("new", "staged")
        arrived = self.arrive(
            "new",
            "running",
            domain_xml=left["domain_xml"],
            domain_name="instance-0000002a",
            source_path=str(self.folder("old")),
            flavor=FLAVOR,
            **given,
        )
        assert arrived["domain"]["state"] == "running"

    def back(self, state: str = "running") -> dict[str, Any]:
        return self.take_in(self.leave("new", "released")["domain_xml"], state)

    def take_in(self, definition: str, state: str = "running") -> dict[str, Any]:
        return self.arrive(
            "old",
            state,
            adopt=True,
            domain_xml=definition,
            domain_name="instance-0000000a",
            source_path=str(self.folder("new")),
            flavor=BEFORE,
        )


@pytest.fixture
def cloud(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(lock, "FOLDER", locks)
    # The test driver forgets everything with its last connection, so one is held.
    connection = libvirt.open(URI)
    connection.defineXML(GUEST).create()
    yield Cloud(tmp_path, capsys)
    assert list(locks.iterdir()) == []
    connection.close()


def test_there_and_back(cloud: Cloud) -> None:
    cloud.move()
    left = cloud.leave("new", "released")
    assert left["steps"] == ["keep", "shut_down", "undefine", "disconnect"]
    assert not cloud.leave("new", "released")["changed"]
    assert cloud.noted("new")["role"] == "source"

    returned = cloud.back()
    assert returned["steps"] == ["note", "settle_files", "connect", "define", "start"]
    assert returned["domain"] == {"uuid": SERVER, "name": "instance-0000000a", "state": "running"}
    assert "vcpus: 2 → 1" in returned["changes"]
    assert cloud.noted("old")["role"] == "returned"

    # The guest is no longer the test driver's to show as absent from its other host.
    guest = libvirt.open(URI).lookupByUUIDString(SERVER)
    definition = guest.XMLDesc()
    guest.destroy()
    guest.undefine()
    assert cloud.arrive("new", "absent")["steps"] == ["disconnect", "remove_directory"]
    assert cloud.files("new") == []
    assert not cloud.arrive("new", "absent", adopt=True)["changed"]

    libvirt.open(URI).defineXML(definition)
    assert cloud.files("old") == ["console.log", XML, NOTE]
    assert cloud.arrive("old", "settled")["changed"]
    assert cloud.files("old") == ["console.log"]
    assert not cloud.arrive("old", "settled")["changed"]


def test_a_move_of_nova_leaves_no_note(cloud: Cloud) -> None:
    cloud.move()
    for host in ("old", "new"):
        for name in (NOTE, XML):
            (cloud.folder(host) / name).unlink(missing_ok=True)
    definition = cloud.leave("new", "released")["domain_xml"]
    assert cloud.take_in(definition, "stopped")["domain"]["state"] == "shutoff"
    assert not cloud.take_in(definition, "stopped")["changed"]
    assert cloud.take_in(definition)["steps"] == ["start"]
    assert not cloud.take_in(definition)["changed"]
    guest = libvirt.open(URI).lookupByUUIDString(SERVER)
    guest.destroy()
    guest.undefine()
    assert "older than the move" in cloud.arrive("new", "absent")["msg"]
    assert cloud.arrive("new", "absent", adopt=True)["steps"] == ["disconnect", "remove_directory"]
    assert "older than the move" in cloud.arrive("old", "absent", adopt=True)["msg"]
    assert "console.log" in cloud.files("old")


def test_what_nova_brought_and_left_running_is_removed_on_request(cloud: Cloud) -> None:
    cloud.move()
    (cloud.folder("new") / NOTE).unlink()
    assert "was not made by this move" in cloud.arrive("new", "absent")["msg"]
    assert cloud.arrive("new", "absent", adopt=True)["steps"] == ["destroy", "disconnect", "remove_directory"]


def test_leaving_again_can_be_taken_back(cloud: Cloud) -> None:
    cloud.move()
    before = cloud.noted("new")
    cloud.leave("new", "released")
    restored = cloud.leave("new", "restored")
    assert restored["steps"] == ["connect", "define", "start", "forget"]
    assert cloud.noted("new") == before
    assert not cloud.leave("new", "restored")["changed"]
    assert cloud.arrive("new", "settled")["changed"]
    assert cloud.files("new") == ["console.log"]


def test_the_connections_of_its_arrival_are_known_when_it_leaves(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []
    monkeypatch.setattr(Volumes, "connect", lambda _self, info: dict(info))
    monkeypatch.setattr(Volumes, "disconnect", lambda _self, info: gone.append(volume_id(info)))
    monkeypatch.setattr(domain_xml, "_volume", lambda *_arguments: [])
    info = {"driver_volume_type": "rbd", "data": {"name": "volumes/volume-v"}}
    cloud.move(volumes=[{"volume_id": "v", "connection_info": info}])
    assert cloud.leave("new", "released")["changed"]
    assert gone == ["v", "v"]
    assert cloud.leave("new", "restored")["changed"]
    assert [volume_id(item) for item in cloud.noted("new")["connections"]] == ["v"]


def test_a_guest_that_still_runs_there_does_not_return(cloud: Cloud) -> None:
    cloud.move()
    assert "it runs on this host already" in cloud.take_in(GUEST)["msg"]
    assert cloud.noted("old")["phase"] == "released"


def test_returning_goes_on_after_a_kill(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.move()

    def killed(*_arguments: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(domain_xml, "for_destination", killed)
        assert "killed" in cloud.back()["msg"]
    assert cloud.noted("old")["phase"] == "connecting"
    assert cloud.back()["steps"] == ["settle_files", "connect", "define", "start"]


def test_a_new_folder_for_a_guest_without_local_disks(cloud: Cloud) -> None:
    cloud.move()
    for path in cloud.folder("old").iterdir():
        path.unlink()
    cloud.folder("old").rmdir()
    assert cloud.back()["steps"][:2] == ["create_directory", "note"]
    assert cloud.files("old") == ["console.log", NOTE]


def test_a_disk_that_the_guest_does_not_have(cloud: Cloud) -> None:
    cloud.move()
    (cloud.folder("old") / "disk").write_text("", "utf-8")
    assert "local disks none, and those that were kept here are disk" in cloud.back()["msg"]
