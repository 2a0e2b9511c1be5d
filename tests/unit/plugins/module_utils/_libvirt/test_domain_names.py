# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import local_disks, names
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    HERE,
    LIVE,
    SECRET,
    THERE,
    UUID,
    applied,
    guest,
    one,
)

OLD, NEW = "instance-0000000a", "instance-0000002a"


def test_whose_guest_it_is() -> None:
    assert names.is_novas(xml.parse(LIVE))
    assert names.is_novas(xml.parse(LIVE.replace("libvirt/nova/1.1", "libvirt/nova/1.0")))
    assert not names.is_novas(xml.parse(LIVE.replace("openstack.org", "example.org")))
    assert not names.is_novas(xml.parse(guest()))


def test_sockets_and_firmware_variables_follow_the_name() -> None:
    root, changes = applied(LIVE, lambda root: names.files_named_after_it(root, OLD, NEW))
    assert one(root, "devices/channel/source/@path") == f"/var/lib/libvirt/qemu/org.qemu.guest_agent.0.{NEW}.sock"
    assert one(root, "os/nvram").text == f"/var/lib/libvirt/qemu/nvram/{NEW}_VARS.fd"
    assert one(root, "name").text == OLD
    assert len(changes) == 2
    assert applied(LIVE, lambda root: names.files_named_after_it(root, OLD, OLD))[1] == []


def test_firmware_variables_in_a_source() -> None:
    inner = "  <os><nvram type='file'><source file='/nvram/vm_VARS.fd'/></nvram></os>\n"
    root, _changes = applied(guest(inner), lambda root: names.files_named_after_it(root, "vm", "x"))
    assert one(root, "os/nvram/source/@file") == "/nvram/x_VARS.fd"
    assert applied(guest("  <os><nvram/></os>\n"), lambda root: names.files_named_after_it(root, "vm", "x"))[1] == []


def test_only_the_whole_name_in_the_last_part_of_the_path_is_replaced() -> None:
    devices = "".join(
        f"    <channel type='unix'><source mode='bind' path='{path}'/></channel>\n"
        for path in ("/srv/vm/vm.sock", "/run/vmware.sock", "/run/a.vm", "/run/vm2.sock")
    )
    root, _changes = applied(guest("", devices), lambda root: names.files_named_after_it(root, "vm", "x"))
    assert root.xpath("devices/channel/source/@path") == [
        "/srv/vm/x.sock",
        "/run/vmware.sock",
        "/run/a.x",
        "/run/vm2.sock",
    ]


def test_the_release_of_the_nova_that_owns_it() -> None:
    root, changes = applied(LIVE, lambda root: names.nova_release(root, "31.0.0"))
    assert '<nova:package version="31.0.0"/>' in xml.text_of(root)
    assert changes == ["Nova's release: 26.2.2 → 31.0.0"]
    assert applied(LIVE, lambda root: names.nova_release(root, ""))[1] == []
    assert applied(guest(), lambda root: names.nova_release(root, "31.0.0"))[1] == []


def test_files_below_the_servers_folder_follow_it() -> None:
    text = LIVE.replace("<nvram>", f"<kernel>{HERE}/kernel</kernel><initrd>{HERE}2/ramdisk</initrd><nvram>")
    root, changes = applied(text, lambda root: local_disks.paths(root, f"{HERE}/", THERE))
    assert one(root, "devices/disk[@device='cdrom']/source/@file") == f"{THERE}/disk.config"
    assert one(root, "devices/serial/log/@file") == f"{THERE}/console.log"
    assert one(root, "os/kernel").text == f"{THERE}/kernel"
    assert one(root, "os/initrd").text == f"{HERE}2/ramdisk"
    assert len(changes) == 3
    for source, path in ((HERE, ""), ("", THERE), (HERE, HERE)):
        assert applied(text, lambda root, a=source, b=path: local_disks.paths(root, a, b))[1] == []


def test_local_disks_in_ceph_get_its_present_monitors() -> None:
    monitors = ["192.0.2.2:6789", "[2001:db8::1]:3300", "2001:db8::2", "mon.example"]
    root, changes = applied(LIVE, lambda root: local_disks.rbd(root, monitors))
    disk = one(root, "devices/disk[1]")
    assert [dict(host.attrib) for host in disk.findall("source/host")] == [
        {"name": "192.0.2.2", "port": "6789"},
        {"name": "2001:db8::1", "port": "3300"},
        {"name": "2001:db8::2"},
        {"name": "mon.example"},
    ]
    assert disk.find("source").get("name") == f"vms/{UUID}_disk"
    assert disk.find("auth/secret").get("uuid") == SECRET
    assert root.xpath("devices/disk[2]/source/host/@name") == ["192.0.2.1"]
    assert changes == [f"Ceph of vms/{UUID}_disk: nova@192.0.2.1:6789 → nova@{','.join(monitors)}"]


def test_local_disks_in_ceph_log_in_as_the_destination_does() -> None:
    root, changes = applied(LIVE, lambda root: local_disks.rbd(root, [], "cell2", "73656372-0000"))
    assert dict(one(root, "devices/disk[1]/auth").attrib) == {"username": "cell2"}
    assert one(root, "devices/disk[1]/auth/secret/@uuid") == "73656372-0000"
    assert len(changes) == 1
    assert applied(LIVE, lambda root: local_disks.rbd(root, []))[1] == []
