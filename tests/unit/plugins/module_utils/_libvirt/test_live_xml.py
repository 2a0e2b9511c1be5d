# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import numa
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import IncompleteError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain_xml import LiveTarget, live_xml
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    BLOCK_VOLUME,
    FILE_VOLUME,
    HERE,
    LIVE,
    RBD_VOLUME,
    SECRET,
    THERE,
    canonical,
    guest,
    one,
)

MDEV = "6d646576-0000-4163-8b6d-6f7665210001"
PCI = "0000:3b:02.1"
DEVICE = "/dev/disk/by-path/ip-192.0.2.1:3260-lun-1"
FILE = f"/var/lib/nova/mnt/a/volume-{FILE_VOLUME}"


def volumes(monitor: str, device: str, file: str, secret: str) -> list[dict[str, Any]]:
    ceph = {
        "name": f"volumes/volume-{RBD_VOLUME}",
        "hosts": [monitor],
        "ports": ["6789"],
        "auth_enabled": True,
        "auth_username": "cinder",
        "secret_uuid": SECRET,
        "qos_specs": {"total_iops_sec": "100"},
    }
    return [
        {"driver_volume_type": "rbd", "serial": RBD_VOLUME, "data": ceph},
        {
            "driver_volume_type": "iscsi",
            "serial": BLOCK_VOLUME,
            "data": {"device_path": device},
            "encryption_secret_uuid": secret,
        },
        {"driver_volume_type": "nfs", "serial": FILE_VOLUME, "data": {"device_path": file, "format": "qcow2"}},
    ]


def interface(bridge: str) -> dict[str, Any]:
    return {
        "mac": "fa:16:3e:00:00:01",
        "type": "bridge",
        "bridge": bridge,
        "device": "tap0b8d1e7f-11",
        "mtu": 9000,
        "openvswitch_id": "0b8d1e7f-1111-4000-8000-000000000001",
    }


SAME = LiveTarget(
    listen={"vnc": "192.0.2.11", "spice": "192.0.2.11"},
    serial_address="192.0.2.11",
    serial_ports=[10003, 10007],
    volumes=volumes("192.0.2.1", DEVICE, FILE, SECRET),
    rbd_monitors=["192.0.2.1:6789"],
    perf_events=["cmt", "mbmt"],
    file_backed_memory=False,
    interfaces=[interface("br-int")],
    cpu_shared_set="4-7",
    pins=numa.Pins({0: {2}, 1: {3}}, {0: {0}}, {2, 3}, {1}, 1),
    mdevs={MDEV: MDEV},
    pci_devices={PCI: PCI},
    vpmems=["/dev/dax0.0"],
    emulators={"x86_64": "/usr/bin/qemu-system-x86_64"},
    machine_types=["pc-q35-7.2"],
    nova_release="26.2.2",
)
OTHER_MDEV = "6d646576-0000-4163-8b6d-6f7665210002"
OTHER_PCI = "0000:af:00.1"
OTHER = LiveTarget(
    name="instance-0000002a",
    source_path=HERE,
    path=THERE,
    listen={"vnc": "192.0.2.21", "spice": "192.0.2.21"},
    serial_address="192.0.2.21",
    serial_ports=[10000, 10001],
    volumes=volumes("192.0.2.2", "/dev/sdz", "/mnt/v", "73656372-0000-4163-8b6d-6f7665210009"),
    rbd_monitors=["192.0.2.2:3300"],
    perf_events=[],
    file_backed_memory=True,
    cpu_shares=False,
    interfaces=[interface("br-new")],
    pins=numa.Pins({0: {6}, 1: {7}}, {0: {1}}, {6, 7}, {1}, 2),
    mdevs={MDEV: OTHER_MDEV, OTHER_MDEV: OTHER_MDEV},
    pci_devices={PCI: OTHER_PCI, OTHER_PCI: OTHER_PCI},
    vpmems=["/dev/dax1.0"],
    emulators={"x86_64": "/usr/libexec/qemu-kvm"},
    nova_release="31.0.0",
)


def defined(text: str) -> str:
    """Return what libvirt makes of a definition, checked against its schema."""
    connection = libvirt.open("test:///default")
    text = xml.text_of(xml.parse(text)).replace('<domain type="kvm">', '<domain type="test">')
    domain = connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    understood = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    domain.undefine()
    connection.close()
    return understood


def test_a_host_that_is_the_same_changes_no_byte() -> None:
    made = live_xml(LIVE, SAME)
    assert made.changes == []
    assert made.destination_xml == made.persistent_xml == canonical(LIVE)


def test_another_host() -> None:
    made = live_xml(LIVE, OTHER)
    for of_the_source in ("192.0.2.11", '"192.0.2.1"', HERE, "dax0.0", MDEV, '"10003"', '"10007"', "br-int", "cmt"):
        assert of_the_source not in made.destination_xml
    for change in (
        "vnc listens on: 192.0.2.11 → 192.0.2.21",
        "emulator: /usr/bin/qemu-system-x86_64 → /usr/libexec/qemu-kvm",
        "console port: 10003 → 10000",
        f"volume {BLOCK_VOLUME}: connected as iscsi",
        "performance events: cmt, mbmt → none",
        "memory: backed by files",
        "shares: 2048 → none",
        "interface fa:16:3e:00:00:01: tap0b8d1e7f-11 in br-new",
        "processor 0 runs on: 2 → 6",
        "real-time processors: 1 with priority 2",
        f"mediated device: {MDEV} → {OTHER_MDEV}",
        f"PCI device: {PCI} → {OTHER_PCI}",
        "persistent memory: /dev/dax0.0 → /dev/dax1.0",
        "name: instance-0000000a → instance-0000002a",
    ):
        assert change in made.changes


def test_what_the_guest_sees_stays() -> None:
    before, after = xml.parse(LIVE), xml.parse(live_xml(LIVE, OTHER).destination_xml)
    for path in (
        "uuid",
        "memory",
        "maxMemory",
        "vcpu",
        "iothreads",
        "os/type",
        "cpu",
        "devices/*/address",
        "devices/*/alias",
        "devices/*/target[not(parent::interface)]",
        "devices/disk/serial",
        "devices/disk/readonly",
        "devices/disk[1]/driver",
        "devices/interface/*[not(self::source)]",
        "devices/controller",
        "devices/memory/source/alignsize",
        "devices/memory/source/pmem",
    ):
        found = [xml.text_of(element) for element in before.xpath(path)]
        assert found
        assert [xml.text_of(element) for element in after.xpath(path)] == found, path
    assert [item.tag for item in after.xpath("devices/*")] == [item.tag for item in before.xpath("devices/*")]


def test_libvirt_understands_what_is_made() -> None:
    made = live_xml(LIVE, OTHER)
    assert defined(made.destination_xml).replace("0000000a</name>", "0000002a</name>") == defined(made.persistent_xml)
    after = defined(made.persistent_xml).splitlines()
    gone = [line.strip() for line in defined(LIVE).splitlines() if line not in after]
    assert len(gone) > 20
    for kept in ("<address type=", "<target ", "<alias ", "<serial>", "<mac ", "<model ", "<mtu ", "<boot ", "<size "):
        assert not [line for line in gone if line.startswith(kept)]


@pytest.mark.parametrize("serials", list(itertools.permutations([RBD_VOLUME, BLOCK_VOLUME, FILE_VOLUME])))
def test_libvirt_understands_any_volume_in_the_place_of_any_other(serials: tuple[str, ...]) -> None:
    limits = {"total_iops_sec": 1, "total_iops_sec_max": 5, "total_iops_sec_max_length": 2, "size_iops_sec": 4}
    known = [
        {**info, "serial": serial, "encryption_secret_uuid": SECRET, "data": {**info["data"], "qos_specs": limits}}
        for info, serial in zip(volumes("192.0.2.2", "/dev/sdz", "/mnt/v", SECRET), serials)
    ]
    understood = xml.parse(defined(live_xml(LIVE, replace(SAME, volumes=known)).destination_xml))
    kinds = {str(disk.findtext("serial")): disk.get("type") for disk in understood.xpath("devices/disk[serial]")}
    assert kinds == dict(zip(serials, ["network", "block", "file"]))
    assert understood.xpath("devices/disk[serial]/iotune/size_iops_sec/text()") == ["4"] * 3


def test_the_persistent_xml_has_the_new_name_and_the_destinations_the_old_one() -> None:
    """libvirt takes the new name as a parameter, and refuses a destination_xml that has it."""
    made = live_xml(LIVE, OTHER)
    assert one(made.destination_xml, "name").text == "instance-0000000a"
    assert one(made.persistent_xml, "name").text == "instance-0000002a"
    assert made.persistent_xml == made.destination_xml.replace(
        "<name>instance-0000000a</name>", "<name>instance-0000002a</name>"
    )
    assert one(made.destination_xml, "devices/channel/source/@path").endswith(".instance-0000002a.sock")


def test_the_same_input_gives_the_same_bytes_and_a_second_pass_changes_nothing() -> None:
    first = live_xml(LIVE, OTHER)
    assert live_xml(LIVE, OTHER) == first
    again = live_xml(first.persistent_xml, OTHER)
    assert (again.persistent_xml, again.changes) == (first.persistent_xml, [])


def test_the_unknown_survives_in_its_place() -> None:
    text = LIVE
    for path in ("disk", "interface", "graphics", "hostdev", "memory", "serial", "channel", "cputune", "numatune"):
        text = text.replace(
            f"</{path}>", f"<x:unknown xmlns:x='urn:x' in='{path}'><!-- {path} --></x:unknown></{path}>"
        )
    text = text.replace("<devices>", "<devices future='1'><future/>").replace("</domain>", "<x/></domain>")
    text = text.replace("<vcpu ", "<vcpu future='1' ")

    def unknown(given: str) -> list[str]:
        found = xml.parse(given).xpath(
            "//*[local-name()='unknown' or self::future or self::x]|//@future/..|//comment()"
        )
        return [f"{item.getparent().tag}: {item.tag} {dict(item.attrib)} {item.text}" for item in found]

    assert unknown(text)
    assert len(unknown(live_xml(text, OTHER).destination_xml)) > 20
    assert unknown(live_xml(text, OTHER).destination_xml) == unknown(text)


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(IncompleteError) as caught:
        live_xml(LIVE, LiveTarget())
    message = str(caught.value)
    for option in (
        "listen.vnc",
        "listen.spice",
        "serial_ports",
        "volumes",
        "interfaces",
        "numa.cpu_pins",
        "numa.cell_pins",
        "numa.emulator_pins",
        "mdevs",
        "pci_devices",
        "vpmems",
    ):
        assert option in message
    assert "hunter2" not in message
    assert "hunter2" not in repr(live_xml(LIVE, SAME))


@pytest.mark.parametrize(
    ("unknown", "device"),
    [
        ({"listen": {}}, "its vnc console"),
        ({"serial_ports": [10003]}, "a console over TCP (192.0.2.11:10007)"),
        ({"volumes": SAME.volumes[1:]}, f"its disk with serial {RBD_VOLUME}"),
        ({"interfaces": []}, "its interface fa:16:3e:00:00:01"),
        ({"pins": None}, "its processor 0"),
        ({"mdevs": {}}, f"its mediated device {MDEV}"),
        ({"pci_devices": {}}, f"its PCI device {PCI}"),
        ({"vpmems": []}, "its persistent memory /dev/dax0.0"),
    ],
)
def test_what_is_not_known_is_refused_by_name(unknown: dict[str, Any], device: str) -> None:
    with pytest.raises(IncompleteError) as caught:
        live_xml(LIVE, replace(SAME, **unknown))
    assert device in str(caught.value)


def test_a_guest_of_no_cloud_needs_nothing_to_be_known() -> None:
    devices = """    <disk type='file'><source file='/srv/vm.qcow2'/><serial>WD-1</serial></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>
    <graphics type='vnc' listen='127.0.0.1'/>
"""
    made = live_xml(guest("", devices), LiveTarget())
    assert (made.destination_xml, made.changes) == (canonical(guest("", devices)), [])


def test_another_qemu_must_have_its_machine() -> None:
    with pytest.raises(UnsupportedError, match=r"no machine type pc-q35-7\.2"):
        live_xml(LIVE, replace(SAME, machine_types=["pc-q35-6.2"]))
