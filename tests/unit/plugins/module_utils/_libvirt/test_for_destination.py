# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import domain_info, xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain_xml import (
    Flavor,
    Target,
    flavor,
    for_destination,
    tcp_consoles,
    with_volumes,
)
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    HERE,
    THERE,
    UUID,
    canonical,
    one,
)

VOLUME = "76786c75-6d65-4163-8b6d-6f7665210002"

GUEST = f"""<domain type='qemu'>
  <name>instance-0000000a</name>
  <uuid>{UUID}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:flavor name="m1.nano">
        <nova:memory>128</nova:memory>
        <nova:disk>1</nova:disk>
        <nova:swap>0</nova:swap>
        <nova:ephemeral>0</nova:ephemeral>
        <nova:vcpus>1</nova:vcpus>
      </nova:flavor>
    </nova:instance>
  </metadata>
  <memory unit='KiB'>131072</memory>
  <currentMemory unit='KiB'>131072</currentMemory>
  <vcpu placement='static' cpuset='0-1'>1</vcpu>
  <cputune>
    <shares>1024</shares>
  </cputune>
  <os>
    <type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>
    <boot dev='hd'/>
  </os>
  <cpu mode='custom' match='exact' check='none'>
    <model fallback='forbid'>qemu64</model>
    <topology sockets='1' dies='1' cores='1' threads='1'/>
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' discard='ignore'/>
      <source file='{HERE}/disk'/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <auth username='cinder'>
        <secret type='ceph' uuid='00000000-0000-4000-8000-000000000001'/>
      </auth>
      <source protocol='rbd' name='volumes/volume-old'>
        <host name='192.0.2.1' port='6789'/>
      </source>
      <target dev='vdb' bus='virtio'/>
      <iotune>
        <total_iops_sec>100</total_iops_sec>
      </iotune>
      <serial>{VOLUME}</serial>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='{HERE}/disk.config'/>
      <target dev='hda' bus='ide'/>
      <readonly/>
    </disk>
    <interface type='bridge'>
      <mac address='FA:16:3E:00:00:01'/>
      <source bridge='brq0b8d1e7f-11'/>
      <target dev='tap3f2a9c1e-00'/>
      <model type='virtio'/>
      <mtu size='1500'/>
      <alias name='ua-net0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
    </interface>
    <serial type='pty'>
      <log file='{HERE}/console.log' append='off'/>
      <target type='isa-serial' port='0'/>
    </serial>
    <channel type='unix'>
      <source mode='bind' path='/var/lib/libvirt/qemu/org.qemu.guest_agent.0.instance-0000000a.sock'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc' port='-1' autoport='yes' listen='192.0.2.11' passwd='hunter2'>
      <listen type='address' address='192.0.2.11'/>
    </graphics>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
    </rng>
    <future made='up'><inner/></future>
  </devices>
</domain>
"""

PORT = {
    "mac": "fa:16:3e:00:00:01",
    "type": "bridge",
    "bridge": "brq0b8d1e7f-11",
    "device": "tap3f2a9c1e-00",
    "mtu": 1500,
    "openvswitch_id": None,
}
OLD_RBD = {
    "driver_volume_type": "rbd",
    "serial": VOLUME,
    "data": {
        "name": "volumes/volume-old",
        "hosts": ["192.0.2.1"],
        "ports": ["6789"],
        "auth_enabled": True,
        "auth_username": "cinder",
        "secret_uuid": "00000000-0000-4000-8000-000000000001",
    },
}
NANO = Flavor("m1.nano", 128, 1, 1)
SAME = Target(
    name="instance-0000000a",
    source_path=HERE,
    path=HERE,
    flavor=NANO,
    interfaces=[PORT],
    volumes=[OLD_RBD],
    cpu_shared_set="0-1",
)


def rbd(**data: Any) -> dict[str, Any]:
    return {
        "driver_volume_type": "rbd",
        "serial": VOLUME,
        "data": {"name": "p/v", "hosts": ["192.0.2.9"], "ports": ["3300"], **data},
    }


def test_a_host_that_is_the_same_changes_nothing() -> None:
    text, changes = for_destination(GUEST, SAME)
    assert changes == []
    assert text == canonical(GUEST)


def test_the_same_input_gives_the_same_bytes_and_a_second_pass_changes_nothing() -> None:
    target = replace(SAME, name="instance-0000002a", path=THERE, volumes=[rbd()], cpu_shared_set="")
    first, changes = for_destination(GUEST, target)
    assert (first, changes) == for_destination(GUEST, target)
    again, more = for_destination(first, target)
    assert (again, more) == (first, [])


def test_name_and_files_follow_the_new_cell() -> None:
    text, changes = for_destination(GUEST, replace(SAME, name="instance-0000002a", path=THERE))
    assert one(text, "name").text == "instance-0000002a"
    assert one(text, "devices/channel/source/@path").endswith(".instance-0000002a.sock")
    assert one(text, "devices/disk[1]/source/@file") == f"{THERE}/disk"
    assert one(text, "devices/disk[@device='cdrom']/source/@file") == f"{THERE}/disk.config"
    assert one(text, "devices/serial/log/@file") == f"{THERE}/console.log"
    assert "name: instance-0000000a → instance-0000002a" in changes
    assert HERE not in text
    assert one(text, "devices/future/inner") is not None


def test_a_larger_flavor() -> None:
    target = replace(SAME, flavor=Flavor("m1.big", 192, 2, 3, swap=5), cpu_shared_set="")
    text, changes = for_destination(GUEST, target)
    assert one(text, "memory").text == one(text, "currentMemory").text == "196608"
    assert one(text, "vcpu").text == "2"
    assert "cpuset" not in one(text, "vcpu").attrib
    assert one(text, "cputune/shares").text == "2048"
    assert dict(one(text, "cpu/topology").attrib) == {
        "sockets": "2",
        "dies": "1",
        "cores": "1",
        "threads": "1",
    }
    namespace = "http://openstack.org/xmlns/libvirt/nova/1.1"
    noted = xml.parse(text).find(f"metadata/{{{namespace}}}instance/{{{namespace}}}flavor")
    assert noted is not None
    assert noted.get("name") == "m1.big"
    assert [child.text for child in noted] == ["192", "3", "5", "0", "2"]
    assert "vcpus: 1 → 2" in changes


def test_a_topology_that_does_not_divide_becomes_sockets() -> None:
    guest = GUEST.replace("sockets='1' dies='1' cores='1'", "sockets='1' dies='1' cores='4'")
    guest = guest.replace("cpuset='0-1'>1<", ">4<")
    target = replace(SAME, flavor=replace(NANO, vcpus=6), cpu_shared_set="")
    topology = one(for_destination(guest, target)[0], "cpu/topology")
    assert (topology.get("sockets"), topology.get("cores")) == ("6", "1")


def test_a_network_volume_is_connected_anew() -> None:
    text, changes = for_destination(GUEST, replace(SAME, volumes=[rbd()]))
    disk = one(text, f"devices/disk[serial='{VOLUME}']")
    assert disk.find("auth") is None
    assert disk.find("source").get("name") == "p/v"
    assert [dict(host.attrib) for host in disk.find("source")] == [{"name": "192.0.2.9", "port": "3300"}]
    assert disk.findtext("iotune/total_iops_sec") == "100"
    assert disk.find("address").get("slot") == "0x05"
    assert changes == [f"volume {VOLUME}: connected as rbd"]


def test_cinders_secret_comes_before_nova_confs() -> None:
    target = replace(SAME, rbd_user="nova", rbd_secret_uuid="11111111-0000-4000-8000-000000000001")
    fallback = for_destination(GUEST, replace(target, volumes=[rbd()]))[0]
    assert one(fallback, "devices/disk/auth/@username") == "nova"
    given = rbd(auth_enabled=True, auth_username="cinder", secret_uuid="22222222-0000")
    text = for_destination(GUEST, replace(target, volumes=[given]))[0]
    assert one(text, "devices/disk/auth/@username") == "cinder"
    assert one(text, "devices/disk/auth/secret/@uuid") == "22222222-0000"


def test_a_network_volume_becomes_a_device_or_a_file() -> None:
    info = {"driver_volume_type": "iscsi", "serial": VOLUME, "data": {"device_path": "/dev/sdx"}}
    disk = one(for_destination(GUEST, replace(SAME, volumes=[info]))[0], "devices/disk[serial]")
    assert disk.get("type") == "block"
    assert dict(disk.find("source").attrib) == {"dev": "/dev/sdx"}
    assert len(disk.find("source")) == 0
    data = {"device_path": "/mnt/a/v", "format": "qcow2"}
    info = {"driver_volume_type": "nfs", "serial": VOLUME, "data": data}
    disk = one(with_volumes(GUEST, [info]), "devices/disk[serial]")
    assert disk.get("type") == "file"
    assert dict(disk.find("source").attrib) == {"file": "/mnt/a/v"}
    assert disk.find("driver").get("type") == "qcow2"


def test_every_volume_and_port_has_its_counterpart() -> None:
    with pytest.raises(StackmoveError, match=VOLUME):
        for_destination(GUEST, replace(SAME, volumes=[]))
    with pytest.raises(StackmoveError, match="no disk with that serial"):
        for_destination(GUEST, replace(SAME, volumes=[OLD_RBD, {**OLD_RBD, "serial": "other"}]))
    with pytest.raises(StackmoveError, match="fa:16:3e:00:00:01"):
        for_destination(GUEST, replace(SAME, interfaces=[]))
    other = {**PORT, "mac": "fa:16:3e:00:00:02"}
    with pytest.raises(StackmoveError, match="fa:16:3e:00:00:02"):
        for_destination(GUEST, replace(SAME, interfaces=[PORT, other]))


def test_an_interface_changes_in_its_place() -> None:
    port = {**PORT, "bridge": "br-int", "device": "tapnew", "mtu": 1450, "openvswitch_id": "p1"}
    text, changes = for_destination(GUEST, replace(SAME, interfaces=[port]))
    interface = one(text, "devices/interface")
    assert interface.find("source").get("bridge") == "br-int"
    assert interface.find("target").get("dev") == "tapnew"
    assert interface.find("mtu").get("size") == "1450"
    assert interface.find("virtualport/parameters").get("interfaceid") == "p1"
    assert interface.find("alias").get("name") == "ua-net0"
    assert interface.find("address").get("slot") == "0x03"
    assert interface.find("mac").get("address") == "FA:16:3E:00:00:01"
    assert changes == ["interface fa:16:3e:00:00:01: tapnew in br-int"]


def test_consoles_listen_at_the_destination() -> None:
    text, changes = for_destination(GUEST, replace(SAME, listen={"vnc": "192.0.2.21"}))
    assert one(text, "devices/graphics/@listen") == "192.0.2.21"
    assert one(text, "devices/graphics/listen/@address") == "192.0.2.21"
    assert one(text, "devices/graphics/@passwd") == "hunter2"
    assert changes == ["vnc listens on: 192.0.2.11 → 192.0.2.21"]


def test_consoles_over_tcp_get_the_destinations_ports() -> None:
    consoles = "".join(
        f"<{tag} type='tcp'><source mode='bind' host='192.0.2.11' service='10003'/></{tag}>"
        for tag in ("serial", "console")
    )
    guest = GUEST.replace("</devices>", f"{consoles}</devices>")
    assert tcp_consoles(guest) == 1
    target = replace(SAME, serial_address="192.0.2.21", serial_ports=[10000])
    text = for_destination(guest, target)[0]
    assert set(xml.parse(text).xpath("//source/@service")) == {"10000"}
    assert set(xml.parse(text).xpath("//source/@host")) == {"192.0.2.21"}
    with pytest.raises(StackmoveError, match="serial_console"):
        for_destination(guest, SAME)


def test_another_qemu() -> None:
    target = replace(SAME, virt_type="kvm", emulators={"x86_64": "/usr/libexec/qemu-kvm"})
    text = for_destination(GUEST, target)[0]
    assert xml.parse(text).get("type") == "kvm"
    assert one(text, "devices/emulator").text == "/usr/libexec/qemu-kvm"
    with pytest.raises(UnsupportedError, match=r"machine type pc-i440fx-7\.2"):
        for_destination(GUEST, replace(SAME, machine_types=["pc-i440fx-9.0"]))


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("</devices>", "<tpm model='tpm-crb'><backend type='emulator'/></tpm></devices>"),
        ("</os>", "<nvram>/x</nvram></os>"),
        ("</devices>", "<hostdev mode='subsystem' type='pci'/></devices>"),
        ("</devices>", "<filesystem type='mount'/></devices>"),
        ("</os>", "<kernel>/x</kernel></os>"),
        ("</cputune>", "<vcpupin vcpu='0' cpuset='3'/></cputune>"),
        ("</domain>", "<launchSecurity type='sev'/></domain>"),
    ],
)
def test_what_would_be_lost_is_refused(where: str, what: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot come along"):
        for_destination(GUEST.replace(where, what), SAME)


def test_numa_moves_but_is_not_resized() -> None:
    guest = GUEST.replace("</cputune>", "</cputune><numatune><memory mode='strict'/></numatune>")
    assert for_destination(guest, SAME)[1] == []
    with pytest.raises(UnsupportedError, match="NUMA"):
        for_destination(guest, replace(SAME, flavor=replace(NANO, memory_mb=256)))


@pytest.mark.parametrize(
    "text",
    [
        "<domain",
        "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><domain>&e;</domain>",
        "<domain>" + " " * xml.LIMIT_BYTES + "</domain>",
    ],
)
def test_hostile_xml_is_refused(text: str) -> None:
    with pytest.raises(StackmoveError, match="read XML"):
        xml.parse(text)


def test_facts() -> None:
    facts = domain_info.describe(GUEST)
    assert facts["machine"] == "pc-i440fx-7.2"
    assert facts["has_tpm"] is facts["has_nvram"] is facts["has_numa"] is False
    assert facts["interfaces"][0]["mac"] == "fa:16:3e:00:00:01"
    assert [disk["target"] for disk in facts["disks"]] == ["vda", "vdb", "hda"]
    assert domain_info.local_disk_formats(GUEST, HERE) == {"disk": "qcow2", "disk.config": "raw"}
    assert domain_info.local_disk_formats(GUEST, THERE) == {}
    assert "hunter2" not in domain_info.redacted(GUEST)


def test_flavors_as_nova_writes_them() -> None:
    given = {"name": "a", "memory_mb": "128", "vcpus": 1, "root_gb": 1, "swap": "", "x": 1}
    assert flavor(given) == Flavor("a", 128, 1, 1)
    with pytest.raises(StackmoveError, match="vcpus"):
        flavor({"name": "a", "memory_mb": 128, "root_gb": 1})
