# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest goes back to the host that it has left: both modules, one after the other, on two hosts; and each is killed.

libvirt's test driver has one set of domains for both hosts, which does no harm as long as one of them has it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import libvirt
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    image_service,
    instance_dir,
    lock,
    params,
    qemu_img,
    vifs,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes, volume_id
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import guest
from ansible_collections.stackmove.nova.plugins.modules import destination_guest, source_guest

URI = "test:///default"
SERVER = "6f70656e-7374-4163-8b6d-6f7665210001"
IMAGE = {"id": "696d6167-6500-4163-8b6d-6f7665210001", "disk_format": "qcow2"}
GLANCE = {"endpoint": "http://localhost:1", "token": "a-token", "base_image": IMAGE}
TRANSFERS = [{"disk": "disk", "image_id": "i", "disk_format": "qcow2"}]
GUEST = f"""<domain type='test'>
  <name>instance-0000000a</name>
  <uuid>{SERVER}</uuid>
  <memory unit='KiB'>262144</memory>
  <vcpu>1</vcpu>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='FOLDER/disk'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='volumes/volume-v'/>
      <target dev='vda' bus='virtio'/>
      <serial>v</serial>
    </disk>
    <interface type='bridge'>
      <mac address='fa:16:3e:00:00:01'/>
      <source bridge='brqn'/>
      <target dev='tapp'/>
    </interface>
  </devices>
</domain>
"""
VOLUMES = [{"volume_id": "v", "connection_info": {"driver_volume_type": "rbd", "data": {"name": "volumes/volume-v"}}}]
VIFS = [{"id": "p", "address": "fa:16:3e:00:00:01", "type": "bridge", "devname": "tapp", "network": {"id": "n"}}]
MIGRATION = "6d696772-6174-4e00-8b6d-6f7665210001"
NOTE, XML = "stackmove-state.json", "stackmove-domain.xml"
FILES = ["console.log", "disk", "disk.info"]
FLAVOR = {"name": "m1.big", "memory_mb": 512, "vcpus": 2, "root_gb": 1}
BEFORE = {"name": "m1.small", "memory_mb": 256, "vcpus": 1, "root_gb": 1}


class Killed(BaseException):
    """The module's process is no more."""


class Images:
    """Glance, and qemu-img: each file holds what was done to it."""

    def describe(self, _image_id: str) -> dict[str, int]:
        return {"size": 1}

    def download(self, image_id: str, path: Path) -> image_service.Sent:
        path.write_text(image_id, "utf-8")
        return image_service.Sent(1, "sha512")

    @staticmethod
    def inspect(path: Path, image_format: str) -> qemu_img.Image:
        assert path.is_file()
        return qemu_img.Image(path.name, str(path), image_format, 1, 1, None, None, 1)

    @staticmethod
    def convert(source: Path, _format: str, target: Path, target_format: str) -> None:
        target.write_text(f"{source.read_text('utf-8')} as {target_format}", "utf-8")

    @staticmethod
    def create_overlay(path: Path, backing: Path, _format: str, _size: int) -> None:
        path.write_text(f"over {backing.read_text('utf-8')}", "utf-8")

    @staticmethod
    def rebase(path: Path, backing: Path, _format: str) -> None:
        path.write_text(f"{path.read_text('utf-8')}, over {backing.read_text('utf-8')}", "utf-8")

    @staticmethod
    def grow(path: Path, _format: str, _size: int) -> None:
        path.write_text(f"{path.read_text('utf-8')}, grown", "utf-8")


TIMES = {"off_since", "off_until", "clean_shutdown", "seconds"}


def timeless(noted: Any) -> Any:
    """Return a note without what no second run can know."""
    if not isinstance(noted, dict):
        return noted
    return {key: timeless(noted[key]) for key in noted if key not in TIMES}


class Cloud:
    """Two hosts, what is connected to them, and a killer, who waits for a module's n-th effect on its host."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.capsys = capsys
        self.connected = {"old"}
        self.plugged = {"old"}
        self.effects_left = -1
        self.dead = False
        self.libvirt = libvirt.open(URI)  # the test driver forgets everything with its last connection
        locks = path / "locks"
        locks.mkdir()
        monkeypatch.setattr(lock, "FOLDER", locks)
        monkeypatch.setattr(os, "fsync", lambda _file: None)  # the power stays on
        monkeypatch.setattr(guest, "_POLL_S", 0)

        def connect(volumes: Volumes, info: dict[str, Any]) -> dict[str, Any]:
            self.connected.add(volumes._conf.instances_path.name)
            return dict(info)

        def of(part: Any) -> str:
            return str(part._conf.instances_path.name)

        monkeypatch.setattr(Volumes, "connect", connect)
        monkeypatch.setattr(Volumes, "disconnect", lambda volumes, _info: self.connected.discard(of(volumes)))
        monkeypatch.setattr(vifs.Ports, "plug", lambda ports, *_given: self.plugged.add(of(ports)))
        monkeypatch.setattr(vifs.Ports, "unplug", lambda ports, *_given: self.plugged.discard(of(ports)))
        monkeypatch.setattr(params, "image_service", lambda _given: Images())
        for name in ("inspect", "convert", "create_overlay", "rebase", "grow"):
            monkeypatch.setattr(qemu_img, name, getattr(Images, name))
        monkeypatch.setattr(qemu_img, "refuse_references", lambda _path, _format: None)
        for owner, names in (
            (guest.Guest, ("define", "undefine", "start", "destroy", "shut_down")),
            (Volumes, ("connect", "disconnect")),
            (vifs.Ports, ("plug", "unplug")),
            (Images, ("download",)),
            (qemu_img, ("convert", "create_overlay", "rebase", "grow")),
            (Path, ("mkdir", "rename", "replace", "touch", "unlink")),
            (os, ("link",)),
            (instance_dir, ("write_atomically", "remove_written")),
            (instance_dir.shutil, ("rmtree",)),
        ):
            for name in names:
                monkeypatch.setattr(owner, name, self.watched(getattr(owner, name)))
        self.renew()

    def watched(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            if self.dead:
                return None  # what is in a "finally" is not done, either
            self.count()
            result = effect(*given, **named)
            self.count()
            return result

        return watched

    def count(self) -> None:
        if self.effects_left == 0:
            self.dead = True
            raise Killed
        self.effects_left -= 1

    def kill(self, act: Callable[[Cloud], Any], moment: int) -> bool:
        """Kill it before or after its n-th effect, and tell whether it lived so long."""
        self.effects_left = moment
        try:
            act(self)
        except Killed:
            return True
        finally:
            self.effects_left, self.dead = -1, False
        return False

    def renew(self) -> None:
        """Put the guest to its old host as if nothing had been."""
        for domain in self.libvirt.listAllDomains():
            if domain.UUIDString() == SERVER:
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        self.definition = GUEST.replace("FOLDER", str(self.folder("old")))
        self.libvirt.defineXML(self.definition).create()
        self.connected, self.plugged = {"old"}, {"old"}
        for host in ("old", "new"):
            shutil.rmtree(self.path / host, ignore_errors=True)
            (self.path / host / "_base").mkdir(parents=True)
            text = f"[DEFAULT]\ninstances_path = {self.path / host}\n[libvirt]\nvirt_type = test\n"
            (self.path / f"{host}.conf").write_text(text, "utf-8")
        self.folder("old").mkdir()
        for name, text in (
            ("console.log", ""),
            ("disk", "the disk"),
            ("disk.info", json.dumps({str(self.folder("old") / "disk"): "qcow2"})),
        ):
            (self.folder("old") / name).write_text(text, "utf-8")

    def folder(self, host: str) -> Path:
        return self.path / host / SERVER

    def files(self, host: str) -> list[str]:
        folder = self.folder(host)
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def noted(self, host: str) -> dict[str, Any]:
        path = self.folder(host) / NOTE
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found

    def state(self) -> dict[str, Any]:
        """What is there on both hosts, but for the times in the notes."""
        domain = next((found for found in self.libvirt.listAllDomains() if found.UUIDString() == SERVER), None)
        files = {str(path) for host in ("old", "new") for path in (self.path / host).rglob("*")}
        files.discard(str(self.path / "new" / "_base" / instance_dir.base_name(IMAGE["id"])))  # it stays in the cache
        disks = [self.path / host / SERVER / "disk" for host in ("old", "new")]
        return {
            "disks": [path.read_text("utf-8") if path.exists() else None for path in disks],
            "guest": (domain.name(), domain.isActive()) if domain else None,
            # What a killed write has left beside a note is replaced by the next, and removed with the note.
            "files": {path for path in files if not path.endswith(f".{NOTE}.new") or NOTE not in self.files("new")},
            "noted": [timeless(self.noted(host)) for host in ("old", "new")],
            "connected": set(self.connected),
            "plugged": set(self.plugged),
        }

    def run(self, module: ModuleType, host: str, state: str, **given: Any) -> dict[str, Any]:
        arguments = {
            "server": SERVER,
            "migration": MIGRATION,
            "state": state,
            "vifs": VIFS,
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

    def take(self, definition: str, state: str = "running") -> dict[str, Any]:
        return self.arrive(
            "new",
            state,
            domain_xml=definition,
            domain_name="instance-0000002a",
            source_path=str(self.folder("old")),
            flavor=FLAVOR,
            volumes=VOLUMES,
            transfers=TRANSFERS,
            **GLANCE,
        )

    def move(self) -> None:
        definition = self.leave("old", "released", volumes=VOLUMES)["domain_xml"]
        self.arrive("new", "staged", **GLANCE)
        assert self.take(definition)["domain"]["state"] == "running"

    def take_back(self, definition: str, state: str = "running") -> dict[str, Any]:
        return self.arrive(
            "old",
            state,
            adopt=True,
            domain_xml=definition,
            domain_name="instance-0000000a",
            source_path=str(self.folder("new")),
            flavor=BEFORE,
            volumes=VOLUMES,
        )

    def back(self, state: str = "running") -> dict[str, Any]:
        return self.take_back(self.leave("new", "released")["domain_xml"], state)


@pytest.fixture
def cloud(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, capsys, monkeypatch)
    yield cloud
    assert list((tmp_path / "locks").iterdir()) == []
    cloud.libvirt.close()


def release(cloud: Cloud) -> dict[str, Any]:
    return cloud.leave("old", "released", volumes=VOLUMES)


def arrive(cloud: Cloud) -> dict[str, Any]:
    cloud.arrive("new", "staged", **GLANCE)
    return cloud.take(cloud.definition)


def leave_again(cloud: Cloud) -> dict[str, Any]:
    return cloud.leave("new", "released")


def take_back(cloud: Cloud) -> dict[str, Any]:
    return cloud.take_back(cloud.definition.replace("/old/", "/new/"))


def give_up(cloud: Cloud) -> dict[str, Any]:
    return cloud.arrive("new", "absent", volumes=VOLUMES)


Act = Callable[[Cloud], Any]
#: What is done: what comes before it, the step itself, and the step that takes it back, if there is one.
STEPS: dict[str, tuple[list[Act], Act, Act | None]] = {
    "released": ([], release, lambda cloud: cloud.leave("old", "restored")),
    "restored": ([release], lambda cloud: cloud.leave("old", "restored"), None),
    "arrived": ([release], arrive, give_up),
    "given up": ([release, arrive], give_up, None),
    "confirmed": ([release], lambda cloud: cloud.leave("old", "absent"), None),
    "settled": ([release, arrive], lambda cloud: cloud.arrive("new", "settled"), None),
    "left again": ([release, arrive], leave_again, lambda cloud: cloud.leave("new", "restored")),
    "stayed": ([release, arrive, leave_again], lambda cloud: cloud.leave("new", "restored"), None),
    "returned": ([release, arrive, leave_again], take_back, None),
    "cleaned up": ([release, arrive, leave_again], give_up, None),
    "settled again": ([release, arrive, Cloud.back], lambda cloud: cloud.arrive("old", "settled"), None),
}


def after(cloud: Cloud, *acts: Act) -> dict[str, Any]:
    """Do these, one after the other, and return what is there then."""
    for act in acts:
        result = act(cloud)
        assert "msg" not in result, result["msg"]
    return cloud.state()


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_and_run_again(cloud: Cloud, step: str) -> None:
    before, act, undo = STEPS[step]
    begun = after(cloud, *before)
    done = after(cloud, act)
    assert done != begun
    for then, wanted in ((act, done), (undo, begun)):
        if then is None:
            continue
        for moment in range(1000):
            cloud.renew()
            after(cloud, *before)
            if not cloud.kill(act, moment):
                break
            assert after(cloud, then) == wanted, f"killed at effect {moment}"
        assert moment > 3


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
    domain = cloud.libvirt.lookupByUUIDString(SERVER)
    definition = domain.XMLDesc()
    domain.destroy()
    domain.undefine()
    assert cloud.arrive("new", "absent")["steps"] == ["disconnect", "remove_directory"]
    assert cloud.files("new") == []
    assert not cloud.arrive("new", "absent", adopt=True)["changed"]

    cloud.libvirt.defineXML(definition)
    assert cloud.files("old") == [*FILES, XML, NOTE]
    assert cloud.arrive("old", "settled")["changed"]
    assert cloud.files("old") == FILES
    assert not cloud.arrive("old", "settled")["changed"]


def test_a_move_of_nova_leaves_no_note(cloud: Cloud) -> None:
    cloud.move()
    for host in ("old", "new"):
        for name in (NOTE, XML):
            (cloud.folder(host) / name).unlink(missing_ok=True)
    definition = cloud.leave("new", "released")["domain_xml"]
    assert cloud.take_back(definition, "stopped")["domain"]["state"] == "shutoff"
    assert not cloud.take_back(definition, "stopped")["changed"]
    assert cloud.take_back(definition)["steps"] == ["start"]
    assert not cloud.take_back(definition)["changed"]
    domain = cloud.libvirt.lookupByUUIDString(SERVER)
    domain.destroy()
    domain.undefine()
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
    assert cloud.files("new") == FILES


def test_the_connections_of_its_arrival_are_known_when_it_leaves(cloud: Cloud) -> None:
    cloud.move()
    assert cloud.connected == {"new"}
    assert cloud.leave("new", "released")["changed"]
    assert cloud.connected == set()
    assert cloud.leave("new", "restored")["changed"]
    assert cloud.connected == {"new"}
    assert [volume_id(item) for item in cloud.noted("new")["connections"]] == ["v"]


def test_a_guest_that_still_runs_there_does_not_return(cloud: Cloud) -> None:
    cloud.move()
    assert "it runs on this host already" in cloud.take_back(GUEST)["msg"]
    assert cloud.noted("old")["phase"] == "released"


def test_a_new_folder_for_a_guest_without_local_disks(cloud: Cloud) -> None:
    cloud.move()
    cloud.leave("new", "released")
    shutil.rmtree(cloud.folder("old"))
    definition = cloud.definition.replace("file=", "dev=").replace("type='file'", "type='block'")
    assert cloud.take_back(definition)["steps"][:2] == ["create_directory", "note"]
    assert cloud.files("old") == ["console.log", NOTE]


def test_a_disk_that_the_guest_does_not_have(cloud: Cloud) -> None:
    cloud.move()
    (cloud.folder("old") / "disk.swap").write_text("", "utf-8")
    assert "local disks disk, and those that were kept here are disk, disk.swap" in cloud.back()["msg"]


def test_a_disk_whose_format_nobody_knows(cloud: Cloud) -> None:
    cloud.move()
    (cloud.folder("old") / "disk.info").unlink()
    assert cloud.back()["domain"]["state"] == "running"  # as the XML has it that was kept
    cloud.renew()
    cloud.move()
    for name in ("disk.info", NOTE, XML):
        (cloud.folder("old") / name).unlink()
    assert "its format is not noted anywhere" in cloud.back()["msg"]
