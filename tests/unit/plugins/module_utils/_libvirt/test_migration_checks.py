# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_checks, migration_disks
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_checks import Findings, Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Side
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

EMULATOR = "/usr/bin/qemu-system-x86_64"
ROOT, DATA, SEED, BASE = (f"/var/lib/libvirt/images/{name}" for name in ("web1", "data", "seed.iso", "base"))
GUEST = f"""
<domain type='kvm'>
  <name>web1</name>
  <uuid>6f70656e-7374-4163-8b6d-6f7665210001</uuid>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <emulator>{EMULATOR}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{ROOT}'/>
      <backingStore type='file'><format type='raw'/><source file='{BASE}'/></backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <source file='{DATA}'/><target dev='vdb' bus='virtio'/><shareable/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/><source file='{SEED}'/><target dev='sda' bus='sata'/><readonly/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>
    <disk type='block' device='disk'><source dev='/dev/vg/web1'/><target dev='vdc' bus='virtio'/></disk>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='volumes/1'/><target dev='vdd' bus='virtio'/>
    </disk>
  </devices>
</domain>
"""
SOURCE = Host("kvm1", "11111111-0000-4000-8000-000000000000", 7_002_022, ["pc-q35-7.2"], [EMULATOR])
DESTINATION = Host("kvm2", "22222222-0000-4000-8000-000000000000", 7_002_022, ["pc-q35-7.2"], [EMULATOR])
COPIES = Options(destination_uri="qemu+ssh://root@kvm2/system", copy_storage="all")
FINE = Findings(
    source=SOURCE,
    destination=DESTINATION,
    domain_xml=GUEST,
    copied=["vda", "vdc"],
    files={ROOT: False, DATA: True, SEED: True, BASE: True},
    free_bytes={"/var/lib/libvirt/images": 1000},
    sizes_bytes={"vda": 600, "vdc": 5000},
)


def test_which_disks_are_copied() -> None:
    disks = migration_disks.disks(GUEST)
    assert [(disk.target, disk.path, disk.format) for disk in disks] == [
        ("vda", ROOT, "qcow2"),
        ("vdb", DATA, "raw"),
        ("sda", SEED, "raw"),
        ("vdc", "/dev/vg/web1", "raw"),
    ]
    assert migration_disks.copied(disks, "none", ["vda"]) == []
    # Neither shared nor read-only ones, nor those of the network.
    assert migration_disks.copied(disks, "all", None) == ["vda", "vdc"]
    assert migration_disks.copied(disks, "all", ["vda"]) == ["vda"]
    assert migration_disks.copied(disks, "all", None, {ROOT}) == ["vdc"]
    assert [disk.is_cached for disk in disks] == [True, True, True, True]
    assert not migration_disks.disks(GUEST.replace("type='qcow2'/>", "type='qcow2' cache='none'/>"))[0].is_cached
    with pytest.raises(StackmoveError, match=r"copy disks vdd: .* are vda, vdb, sda, vdc\."):
        migration_disks.copied(disks, "all", ["vda", "vdd"])


def test_the_volume_of_a_copy() -> None:
    disk = migration_disks.disks(GUEST)[0]
    whole = migration_disks.volume_xml(disk, 2048, with_backing=False)
    assert whole == (
        '<volume><name>web1</name><capacity unit="bytes">2048</capacity><allocation unit="bytes">0</allocation>'
        '<target><format type="qcow2"/><compat>1.1</compat></target></volume>\n'
    )
    thin = migration_disks.volume_xml(disk, 2048, with_backing=True)
    assert f'<backingStore><path>{BASE}</path><format type="raw"/></backingStore>' in thin
    assert "compat" not in migration_disks.volume_xml(replace(disk, format="raw"), 2048, with_backing=False)


def test_nothing_stands_against_it() -> None:
    assert migration_checks.blockers(FINE, COPIES) == []


@pytest.mark.parametrize(
    ("findings", "options", "reason"),
    [
        ({"destination": SOURCE}, {}, "kvm1 is the host on which the guest runs already"),
        ({"destination": replace(DESTINATION, hypervisor_version=7_001_000)}, {}, "has QEMU 7.1.0, older than 7.2.22"),
        ({"destination": replace(DESTINATION, machine_types=["pc-q35-6.2"])}, {}, "machine type pc-q35-7.2"),
        ({"destination": replace(DESTINATION, emulators=["/usr/libexec/qemu-kvm"])}, {}, "but /usr/libexec/qemu-kvm"),
        ({"cpu_refusal": "missing features: avx512f"}, {}, "lacks what the guest has: missing features: avx512f."),
        ({"is_resolved": False}, {}, "kvm1 knows no address of kvm2: give one with migrate_uri."),
        ({"taken_name": True}, {}, "destination_name"),
        ({"twin": Side(1, 1)}, {}, "must have no guest of the same uuid, and there: running."),
        ({"twin": Side(3, 2)}, {}, "and there: paused."),
        ({"twin": Side(known=False)}, {}, "nobody could be asked"),
        ({}, {"post_copy": True, "parallel_connections": 2}, "needs QEMU 10.1"),
        ({"snapshots": 2}, {}, "2 snapshots"),
        ({"checkpoints": 1}, {}, "1 checkpoints"),
        ({"files": {**FINE.files, ROOT: None}}, {}, "has no folder /var/lib/libvirt/images"),
        ({"files": {**FINE.files, ROOT: True}}, {}, f"has a file {ROOT} already"),
        ({}, {"create_disks": False}, f"{ROOT} for disk vda: make it, or set create_disks; for a server of Nova,"),
        ({"files": {**FINE.files, BASE: False}}, {"copy_storage": "incremental"}, f"has no {BASE}, on which disk vda"),
        ({"files": {**FINE.files, SEED: False}}, {}, f"does not see {SEED} of disk sda"),
        ({"copied": []}, {}, f"does not see {ROOT} of disk vda"),
        ({"free_bytes": {"/var/lib/libvirt/images": 599}}, {}, "has 599 bytes free"),
        ({}, {"copy_storage": "auto"}, "Disk vdc is the block device /dev/vg/web1, and nobody can tell"),
        ({}, {"copy_storage": "auto", "migrate_disks": ["vda"]}, "name it in migrate_disks"),
        ({"shared": {ROOT}}, {}, f"{ROOT} of disk vda is one file for both hosts, and would be copied onto itself"),
        ({"shared": {ROOT}, "files": {**FINE.files, ROOT: True}}, {"create_disks": False}, "copied onto itself"),
    ],
)
def test_each_reason(findings: dict[str, Any], options: dict[str, Any], reason: str) -> None:
    (found,) = migration_checks.blockers(replace(FINE, **findings), replace(COPIES, **options))
    assert reason in found


def test_a_definition_that_was_left_is_replaced() -> None:
    assert migration_checks.blockers(replace(FINE, twin=Side(5, 2)), COPIES) == []


def test_a_block_device_that_is_named_is_copied() -> None:
    named = replace(COPIES, copy_storage="auto", migrate_disks=["vda", "vdc"])
    assert migration_checks.blockers(FINE, named) == []


@pytest.mark.parametrize(
    ("there", "shares", "shared"),
    [
        (GUEST, [("images", "images")], {ROOT, DATA}),
        (GUEST, [], set()),
        # The same folder under another name
        (GUEST.replace(ROOT, "/srv/web1"), [("images", "srv")], {"/srv/web1"}),
        # Another file of a folder that both see
        (GUEST.replace(ROOT, "/var/lib/libvirt/images/web2"), [("images", "images")], {DATA}),
    ],
)
def test_files_that_both_hosts_see(there: str, shares: list[tuple[str, str]], shared: set[str]) -> None:
    def is_shared(here: str, other: str) -> bool:
        return (Path(here).name, Path(other).name) in shares

    found = migration_disks.shared_paths(migration_disks.disks(GUEST), migration_disks.disks(there), [], is_shared)
    assert found == shared


def test_a_link_to_what_both_hosts_see(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "real").touch()
    link = tmp_path / "web1"
    link.symlink_to(tmp_path / "share" / "real")
    shared = {str(tmp_path.resolve() / "share")}
    assert migration_disks.is_same(str(link), str(link), lambda here, there: here == there and here in shared)


VOLUME = "<disk type='volume'><source pool='images' volume='web1'/><target dev='vde' bus='virtio'/></disk>"
SAFE = f"<disk type='file'><driver cache='none'/><source file='{ROOT}'/><target dev='vda' bus='virtio'/></disk>"
CACHED = SAFE.replace("none", "writeback")
NETWORK = "<disk type='network'><source protocol='rbd' name='volumes/1'/><target dev='vdb' bus='virtio'/></disk>"
READ_ONLY = f"<disk type='file' device='cdrom'><source file='{SEED}'/><target dev='sda'/><readonly/></disk>"


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ([SAFE], True),
        ([SAFE, READ_ONLY], True),
        ([CACHED], False),
        ([SAFE.replace(ROOT, DATA)], False),
        # libvirt judges these, and nothing at all is proven by nothing.
        ([SAFE, NETWORK], False),
        ([NETWORK], False),
        ([SAFE, VOLUME], False),
        ([VOLUME], False),
        ([READ_ONLY], False),
        ([], False),
    ],
)
def test_libvirt_is_overruled_only_where_all_is_known(given: list[str], safe: bool) -> None:
    domain = f"<domain><devices>{''.join(given)}</devices></domain>"
    assert migration_disks.are_safe(domain, {ROOT, SEED}) is safe


def test_a_volume_is_refused_where_it_may_have_to_be_copied() -> None:
    found = replace(FINE, domain_xml=GUEST.replace("</devices>", f"{VOLUME}</devices>"))
    (only,) = migration_checks.blockers(found, COPIES)
    assert "Disk vde is of the type volume" in only
    none = replace(COPIES, copy_storage="none")
    assert migration_checks.blockers(replace(found, copied=[], files=dict.fromkeys(FINE.files, True)), none) == []


@pytest.mark.parametrize(
    ("own", "there", "shared", "reason"),
    [
        ([ROOT, DATA], Side(), False, ""),
        ([DATA], Side(), True, ""),
        ([ROOT, DATA], Side(), True, f"both hosts see {ROOT} by now"),
        ([ROOT], Side(3, 2), False, "they may be what the guest has there (paused)"),
        ([ROOT], Side(5, 2), False, "they may be what the guest has there (off (was switched off))"),
        ([ROOT], Side(known=False), False, "nobody could be asked"),
        (None, Side(), False, "is not defined at its source"),
    ],
)
def test_files_are_removed_only_where_nobody_needs_them(
    own: list[str] | None, there: Side, shared: bool, reason: str
) -> None:
    found = migration_checks.needed([ROOT], own, there, lambda _here, _there: shared)
    assert reason in found
    assert bool(found) is bool(reason)


def test_a_device_that_is_given_as_a_file_is_a_block_device() -> None:
    disk = migration_disks.disks(GUEST.replace(ROOT, "/dev/vg/root"))[0]
    assert (disk.kind, disk.path) == ("block", "/dev/vg/root")


def test_who_is_told_an_address_needs_no_name() -> None:
    given = replace(COPIES, migrate_uri="tcp://192.0.2.2")
    assert migration_checks.blockers(replace(FINE, is_resolved=False), given) == []


def test_names() -> None:
    assert migration_checks.is_resolved("localhost")
    assert not migration_checks.is_resolved("nowhere.invalid")


def test_a_file_that_a_killed_run_has_left_is_no_reason() -> None:
    found = replace(FINE, files={**FINE.files, ROOT: True}, ours=[ROOT])
    assert migration_checks.blockers(found, COPIES) == []


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("<hostdev mode='subsystem' type='pci'/>", "devices of its host (pci)"),
        ("<filesystem><source dir='/srv'/><target dir='srv'/></filesystem>", "folders of its host (srv)"),
        ("<memory model='nvdimm'/>", "nvdimm"),
    ],
)
def test_devices_that_cannot_move(device: str, reason: str) -> None:
    found = replace(FINE, domain_xml=GUEST.replace("<devices>", f"<devices>{device}"))
    (only,) = migration_checks.blockers(found, replace(COPIES, post_copy=True))
    assert reason in only


NIC = (
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br1'/><mtu size='9000'/>"
    "<target dev='tap1'/></interface>"
)
OPEN_VSWITCH = NIC.replace("<mtu", "<virtualport type='openvswitch'/><mtu")


@pytest.mark.parametrize(
    ("nic", "mtus", "reasons"),
    [
        (NIC, {"br1": 9000}, []),
        (NIC, {}, []),  # libvirt there does not tell
        (NIC, {"br0": 9000}, ["kvm2 has no bridge br1 for 52:54:00:00:00:01"]),
        (NIC, {"br1": 1500}, ["Bridge br1 of kvm2 has an MTU of 1500, and 52:54:00:00:00:01 has 9000"]),
        # What the bridge at the source has is not what the guest needs.
        (NIC.replace("<mtu size='9000'/>", ""), {"br1": 1442}, []),
        (NIC.replace("9000", "1442"), {"br1": 1442}, []),
        # Open vSwitch gives its own device the least MTU of the bridge's ports, which nobody raises.
        (OPEN_VSWITCH, {"br1": 1442}, []),
        (OPEN_VSWITCH, {"br0": 9000}, ["kvm2 has no bridge br1"]),
    ],
)
def test_bridges(nic: str, mtus: dict[str, int], reasons: list[str]) -> None:
    found = replace(
        FINE,
        source=replace(SOURCE, mtus={"br1": 9000}),
        destination=replace(DESTINATION, mtus=mtus),
        domain_xml=GUEST.replace("<devices>", f"<devices>{nic}"),
    )
    reached = migration_checks.blockers(found, COPIES)
    assert len(reached) == len(reasons)
    assert all(text.startswith(reason) for text, reason in zip(reached, reasons))


def test_all_reasons_at_once() -> None:
    found = replace(FINE, snapshots=1, taken_name=True, files={})
    assert len(migration_checks.blockers(found, COPIES)) == 5


def test_a_name_is_taken_by_another_guest_only() -> None:
    with libvirt.open("test:///default") as connection:
        uuid = connection.lookupByName("test").UUIDString()
        assert migration_checks.name_taken_by(connection, "test", "6f70656e-7374-4163-8b6d-6f7665210001") == uuid
        assert migration_checks.name_taken_by(connection, "test", uuid) == ""
        assert migration_checks.name_taken_by(connection, "nobody", uuid) == ""


@pytest.mark.parametrize(
    ("post_copy", "connections", "versions", "is_lost"),
    [
        (True, 2, (10_000_000, 10_002_000), True),
        (True, 2, (10_001_000, 10_002_000), False),
        (True, 1, (7_002_000, 7_002_000), False),
        (False, 2, (7_002_000, 7_002_000), False),
    ],
)
def test_which_post_copy_ends_the_guest(
    post_copy: bool, connections: int, versions: tuple[int, int], is_lost: bool
) -> None:
    assert migration_checks.loses_guest(post_copy, connections, versions) is is_lost
