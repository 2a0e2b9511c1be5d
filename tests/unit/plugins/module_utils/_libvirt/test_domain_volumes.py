# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import volumes
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    BLOCK_VOLUME,
    FILE_VOLUME,
    LIVE,
    RBD_VOLUME,
    SECRET,
    applied,
    missing,
    one,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

OTHER_SECRET = "73656372-6574-4163-8b6d-6f7665210002"


def rbd(serial: str = RBD_VOLUME, **data: Any) -> dict[str, Any]:
    same = {
        "name": f"volumes/volume-{serial}",
        "hosts": ["192.0.2.1"],
        "ports": ["6789"],
        "auth_enabled": True,
        "auth_username": "cinder",
        "secret_uuid": SECRET,
    }
    return {"driver_volume_type": "rbd", "serial": serial, "data": {**same, **data}}


def device(serial: str = BLOCK_VOLUME, secret: str | None = SECRET, **data: Any) -> dict[str, Any]:
    same = {"device_path": "/dev/disk/by-path/ip-192.0.2.1:3260-lun-1"}
    info = {"driver_volume_type": "iscsi", "serial": serial, "data": {**same, **data}}
    return {**info, "encryption_secret_uuid": secret} if secret else info


def file(serial: str = FILE_VOLUME, **data: Any) -> dict[str, Any]:
    same = {"device_path": f"/var/lib/nova/mnt/a/volume-{FILE_VOLUME}", "format": "qcow2"}
    return {"driver_volume_type": "nfs", "serial": serial, "data": {**same, **data}}


def connecting(*connections: dict[str, Any], complete: bool = False) -> Callable[[_Element], list[str]]:
    return lambda root: volumes.connect(root, connections, complete=complete)


def disk_of(root: _Element, serial: str) -> Any:
    return one(root, f"devices/disk[serial='{serial}']")


def text_of(disk: Any) -> str:
    return xml.text_of(disk)


def test_the_same_connections_change_nothing() -> None:
    assert applied(LIVE, connecting(rbd(), device(), file(), complete=True))[1] == []


def test_a_login_in_the_source_is_the_same_as_one_beside_it() -> None:
    """libvirt keeps it wherever it was defined."""
    start = LIVE.index("<auth username='cinder'>")
    end = LIVE.index("</auth>", start) + len("</auth>")
    source = f"<source protocol='rbd' name='volumes/volume-{RBD_VOLUME}'>"
    inside = LIVE[:start] + LIVE[end:].replace(source, source + LIVE[start:end])
    assert applied(inside, connecting(rbd()))[1] == []


def test_a_new_place_in_the_same_kind_of_storage() -> None:
    root, changes = applied(
        LIVE,
        connecting(
            rbd(name="volumes/other", hosts=["192.0.2.8", "2001:db8::9"], ports=["3300"], secret_uuid=OTHER_SECRET),
            device(device_path="/dev/sdz"),
            file(device_path="/mnt/b/v"),
            complete=True,
        ),
    )
    network = disk_of(root, RBD_VOLUME)
    assert network.find("source").get("name") == "volumes/other"
    assert [dict(host.attrib) for host in network.findall("source/host")] == [
        {"name": "192.0.2.8", "port": "3300"},
        {"name": "2001:db8::9"},
    ]
    assert network.find("auth/secret").get("uuid") == OTHER_SECRET
    assert disk_of(root, BLOCK_VOLUME).find("source").get("dev") == "/dev/sdz"
    assert disk_of(root, FILE_VOLUME).find("source").get("file") == "/mnt/b/v"
    assert changes == [
        f"volume {RBD_VOLUME}: connected as rbd",
        f"volume {BLOCK_VOLUME}: connected as iscsi",
        f"volume {FILE_VOLUME}: connected as nfs",
    ]


def test_address_alias_and_target_stay() -> None:
    root, _changes = applied(LIVE, connecting(rbd(name="volumes/other")))
    disk = disk_of(root, RBD_VOLUME)
    assert [child.tag for child in disk] == [
        "driver",
        "auth",
        "source",
        "target",
        "iotune",
        "serial",
        "alias",
        "address",
    ]
    assert disk.find("address").get("bus") == "0x04"
    assert disk.find("alias").get("name") == f"ua-{RBD_VOLUME}"
    assert disk.find("target").get("dev") == "vdb"


def test_a_change_of_kind_changes_the_type_too() -> None:
    """Nova keeps the type: a network source in a disk of type block, which libvirt refuses."""
    there = rbd(BLOCK_VOLUME) | {"encryption_secret_uuid": SECRET}
    root, _changes = applied(LIVE, connecting(there, device(RBD_VOLUME, None)))
    network, block = disk_of(root, BLOCK_VOLUME), disk_of(root, RBD_VOLUME)
    assert network.get("type") == "network"
    assert dict(network.find("driver").attrib) == {"name": "qemu", "type": "raw", "cache": "none"}
    assert dict(network.find("source").attrib) == {"protocol": "rbd", "name": f"volumes/volume-{BLOCK_VOLUME}"}
    assert block.get("type") == "block"
    assert dict(block.find("source").attrib) == {"dev": "/dev/disk/by-path/ip-192.0.2.1:3260-lun-1"}
    assert len(block.find("source")) == 0
    assert block.find("auth") is None
    assert block.find("driver").get("io") == "native"


def test_a_file_in_the_place_of_a_device_has_its_format() -> None:
    root, _changes = applied(LIVE, connecting(file(BLOCK_VOLUME) | {"encryption_secret_uuid": SECRET}))
    disk = disk_of(root, BLOCK_VOLUME)
    assert disk.get("type") == "file"
    assert disk.find("driver").get("type") == "qcow2"
    raw = {key: value for key, value in file()["data"].items() if key != "format"}
    root, _changes = applied(LIVE, connecting({**file(), "data": raw}))
    assert disk_of(root, FILE_VOLUME).find("driver").get("type") == "raw"


def test_what_only_the_source_had_does_not_stay() -> None:
    """Stale limits and backing chains: Nova only ever replaces children that the destination has as well."""
    text = LIVE.replace(
        f"<serial>{FILE_VOLUME}</serial>",
        f"<backingStore type='file'><source file='/old'/></backingStore><serial>{FILE_VOLUME}</serial>",
    )
    root, _changes = applied(text, connecting(rbd(qos_specs=None), file(device_path="/mnt/b/v")))
    assert disk_of(root, RBD_VOLUME).find("iotune") is None
    assert disk_of(root, FILE_VOLUME).find("backingStore") is None


def test_limits_are_the_volumes() -> None:
    specs = {"total_iops_sec": "200", "read_bytes_sec_max": 5, "consumer": "front-end", "write_bytes_sec": "0"}
    root, _changes = applied(LIVE, connecting(rbd(qos_specs=specs), file(qos_specs=specs)))
    for serial in (RBD_VOLUME, FILE_VOLUME):
        limits = disk_of(root, serial).find("iotune")
        assert {child.tag: child.text for child in limits} == {"total_iops_sec": "200", "read_bytes_sec_max": "5"}
    unsaid, _changes = applied(LIVE, connecting(rbd(name="volumes/other")))
    assert disk_of(unsaid, RBD_VOLUME).findtext("iotune/total_iops_sec") == "100"


def test_encryption_belongs_into_the_source() -> None:
    start = LIVE.index("<encryption format='luks'>")
    end = LIVE.index("</encryption>", start) + len("</encryption>")
    beside = LIVE[:start] + LIVE[end:].replace("</source>", f"</source>{LIVE[start:end]}", 1)
    assert applied(beside, connecting(device()))[1] == []
    root, _changes = applied(beside, connecting(device(secret=OTHER_SECRET)))
    disk = disk_of(root, BLOCK_VOLUME)
    assert disk.find("encryption") is None
    assert [item.get("format") for item in disk.findall("source/encryption")] == ["luks"]
    assert disk.find("source/encryption/secret").get("uuid") == OTHER_SECRET


def test_the_key_goes_along_when_the_kind_changes() -> None:
    root, _changes = applied(LIVE, connecting(rbd(BLOCK_VOLUME) | {"encryption_secret_uuid": OTHER_SECRET}))
    assert disk_of(root, BLOCK_VOLUME).find("source/encryption/secret").get("uuid") == OTHER_SECRET


def test_an_encrypted_volume_whose_key_is_not_known() -> None:
    message = missing(LIVE, connecting(device(secret=None)))
    assert f"volume {BLOCK_VOLUME} is encrypted by the host" in message
    assert "Pass encryption_secret_uuid with it." in message


def test_children_that_occur_twice_raise_no_error_and_leave_no_trace() -> None:
    """Nova changes the list that it iterates over, and fails with a ValueError."""
    twice = LIVE.replace("<iotune>", "<iotune><read_iops_sec>1</read_iops_sec></iotune><iotune>")
    twice = twice.replace("<auth username='cinder'>", "<auth username='x'/><auth username='cinder'>")
    root, _changes = applied(twice, connecting(rbd(qos_specs={"total_iops_sec": 7})))
    disk = disk_of(root, RBD_VOLUME)
    assert [text_of(item) for item in disk.findall("iotune")] == [
        "<iotune><total_iops_sec>7</total_iops_sec></iotune>\n"
    ]
    assert [item.get("username") for item in disk.findall("auth")] == ["cinder"]


def test_additions_keep_the_order_in_which_libvirt_has_them() -> None:
    root, _changes = applied(LIVE, connecting(rbd(FILE_VOLUME, qos_specs={"read_iops_sec": 1, "total_bytes_sec": 2})))
    disk = disk_of(root, FILE_VOLUME)
    assert [child.tag for child in disk] == ["driver", "source", "auth", "target", "serial", "address", "iotune"]
    assert [child.tag for child in disk.find("iotune")] == ["total_bytes_sec", "read_iops_sec"]


def test_discards_reach_a_volume_that_can_do_it() -> None:
    root, _changes = applied(LIVE, connecting(file(discard=True)))
    assert disk_of(root, FILE_VOLUME).find("driver").get("discard") == "unmap"


def test_what_is_unknown_in_a_disk_survives() -> None:
    text = LIVE.replace(
        "<target dev='vdc' bus='virtio'/>", "<future a='1'><b/></future><target dev='vdc' bus='virtio' x='y'/>"
    ).replace("<source dev='/dev/disk", "<source index='3' startupPolicy='optional' dev='/dev/disk")
    root, _changes = applied(text, connecting(device(device_path="/dev/sdz")))
    disk = disk_of(root, BLOCK_VOLUME)
    assert disk.find("future/b") is not None
    assert disk.find("target").get("x") == "y"
    assert disk.find("source").get("startupPolicy") == "optional"
    assert [child.tag for child in disk][2:4] == ["future", "target"]


def test_all_that_is_missing_is_told_at_once() -> None:
    no_path = device(secret=None, device_path=None)
    no_name = rbd(name=None)
    message = missing(LIVE, connecting(no_path, no_name, complete=True))
    assert f"the connection of volume {BLOCK_VOLUME} has no device path" in message
    assert f"volume {BLOCK_VOLUME} is encrypted" in message
    assert f"the connection of volume {RBD_VOLUME} names no image" in message
    assert f"its disk with serial {FILE_VOLUME} has no volume connection there" in message


def test_a_connection_of_no_disk() -> None:
    with pytest.raises(StackmoveError, match="connect volume other to guest"):
        connecting(rbd("other"))(xml.parse(LIVE))


def test_nova_confs_login_is_for_connections_without_one() -> None:
    none = rbd(auth_enabled=False)
    root, _changes = applied(LIVE, lambda root: volumes.connect(root, [none], "nova", OTHER_SECRET, complete=False))
    assert disk_of(root, RBD_VOLUME).find("auth").get("username") == "nova"
    root, _changes = applied(LIVE, lambda root: volumes.connect(root, [none], complete=False))
    assert disk_of(root, RBD_VOLUME).find("auth") is None
