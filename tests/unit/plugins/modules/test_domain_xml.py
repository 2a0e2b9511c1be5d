# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.secrets import redacted
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    LIVE,
    RBD_VOLUME,
    THERE,
    UUID,
    canonical,
    guest,
    one,
)

Run = Callable[[dict[str, Any]], dict[str, Any]]
URI = "test:///default"
PORT = "0b8d1e7f-1111-4000-8000-000000000001"
GUEST = f"""<domain type='test'>
  <name>web1</name>
  <uuid>{UUID}</uuid>
  <memory unit='KiB'>131072</memory>
  <vcpu>1</vcpu>
  <os><type>hvm</type></os>
  <devices>
    <graphics type='vnc' port='-1' autoport='yes' listen='192.0.2.11' passwd='hunter2'/>
  </devices>
</domain>
"""
PLAIN = guest("", "    <graphics type='vnc' listen='192.0.2.11' passwd='hunter2'/>\n")


@pytest.fixture
def web1() -> Iterator[None]:
    # The test driver forgets everything with its last connection, so one is held.
    connection = libvirt.open(URI)
    connection.defineXMLFlags(GUEST).create()
    yield
    connection.close()


@pytest.mark.usefixtures("web1")
@pytest.mark.parametrize("name", ["web1", UUID])
@pytest.mark.parametrize("check", [False, True])
def test_of_a_guest_on_this_host(run: Run, name: str, check: bool) -> None:
    made = run(
        {
            "domain": name,
            "libvirt_uri": URI,
            "listen": {"vnc": "192.0.2.21"},
            "destination_name": "web2",
            "_ansible_check_mode": check,
        }
    )
    assert made["changed"]
    assert made["changes"] == ["vnc listens on: 192.0.2.11 → 192.0.2.21", "name: web1 → web2"]
    assert made["destination_name"] == "web2"
    assert one(made["destination_xml"], "name").text == "web1"
    assert one(made["persistent_xml"], "name").text == "web2"
    assert one(made["destination_xml"], "devices/graphics/@passwd") == "hunter2"
    assert "hunter2" not in str(made["diff"])
    assert "192.0.2.11" in made["diff"]["before"]
    assert "192.0.2.21" in made["diff"]["after"]


@pytest.mark.usefixtures("web1")
def test_a_guest_that_is_not_on_this_host(run: Run) -> None:
    for name in ("web2", "00000000-0000-4000-8000-000000000000"):
        message = run({"domain": name, "libvirt_uri": URI})["msg"]
        assert f"Failed to read the XML of guest {name}: libvirt on this host has no domain" in message


def test_a_text_that_needs_no_change_is_returned_and_not_masked(run: Run) -> None:
    text = canonical(PLAIN)
    made = run({"xml": text, "listen": {"vnc": "192.0.2.11"}})
    assert not made["changed"]
    assert made["changes"] == []
    assert made["destination_xml"] == made["persistent_xml"] == text
    assert made["destination_name"] == "vm"
    assert "hunter2" not in str(made["invocation"])
    assert "hunter2" not in str(made["diff"])


def test_its_own_result_has_nothing_to_change(run: Run) -> None:
    first = run({"xml": PLAIN, "listen": {"vnc": "192.0.2.21"}})
    again = run({"xml": first["persistent_xml"], "listen": {"vnc": "192.0.2.21"}})
    assert first["changed"]
    assert not again["changed"]
    assert again["persistent_xml"] == first["persistent_xml"]


def test_all_that_is_known_of_a_destination(run: Run) -> None:
    start, end = LIVE.index("    <disk type='block'"), LIVE.index("    <disk type='file' device='cdrom'>")
    made = run(
        {
            "xml": LIVE[:start] + LIVE[end:],
            "destination_name": "instance-0000002a",
            "source_path": f"/var/lib/nova/instances/{UUID}",
            "path": THERE,
            "listen": {"vnc": "192.0.2.21", "spice": "192.0.2.21"},
            "serial_address": "192.0.2.21",
            "serial_ports": [10000, 10001],
            "volumes": [
                {
                    "volume_id": RBD_VOLUME,
                    "connection_info": {
                        "driver_volume_type": "rbd",
                        "data": {"name": "volumes/v", "hosts": ["192.0.2.2"], "ports": ["6789"]},
                    },
                }
            ],
            "rbd_user": "nova",
            "rbd_secret_uuid": "73656372-6574-4163-8b6d-6f7665210002",
            "rbd_monitors": ["192.0.2.2:6789"],
            "perf_events": [],
            "file_backed_memory": True,
            "cpu_shares": False,
            "vifs": [
                {
                    "id": PORT,
                    "address": "fa:16:3e:00:00:01",
                    "type": "bridge",
                    "network": {"id": "0b8d1e7f-2222-4000-8000-000000000001", "bridge": "brold"},
                }
            ],
            "bindings": [
                {
                    "port_id": PORT,
                    "vif_type": "ovs",
                    "vif_details": {"bridge_name": "br-new"},
                    "vnic_type": "normal",
                    "profile": {},
                }
            ],
            "cpu_shared_set": "",
            "numa": {
                "cpu_pins": {"0": [6], "1": [7]},
                "cell_pins": {"0": [1]},
                "emulator_pins": [6, 7],
                "sched_vcpus": [1],
                "sched_priority": 2,
            },
            "mdevs": {"6d646576-0000-4163-8b6d-6f7665210001": "6d646576-0000-4163-8b6d-6f7665210002"},
            "pci_devices": {"0000:3b:02.1": "0000:af:00.1"},
            "vpmems": ["/dev/dax1.0"],
            "emulators": {"x86_64": "/usr/libexec/qemu-kvm"},
            "machine_types": ["pc-q35-7.2"],
            "nova_release": "31.0.0",
        }
    )
    assert "msg" not in made
    for change in (
        f"volume {RBD_VOLUME}: connected as rbd",
        "interface fa:16:3e:00:00:01: tap0b8d1e7f-11 in br-new",
        "processor 1 runs on: 3 → 7",
        "real-time processors: 1 with priority 2",
        "PCI device: 0000:3b:02.1 → 0000:af:00.1",
        "emulator: /usr/bin/qemu-system-x86_64 → /usr/libexec/qemu-kvm",
    ):
        assert change in made["changes"]
    assert one(made["destination_xml"], "devices/disk[serial]/auth/@username") == "nova"


def test_interfaces_as_libvirt_has_them(run: Run) -> None:
    text = guest(
        "", "    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='a'/></interface>\n"
    )
    made = run({"xml": text, "interfaces": [{"mac": "52:54:00:00:00:01", "bridge": "b"}]})
    assert made["changes"] == ["interface 52:54:00:00:00:01: bridge in b"]
    direct = {"mac": "52:54:00:00:00:01", "type": "direct", "source": {"dev": "eth1", "mode": "bridge"}}
    made = run({"xml": text, "interfaces": [direct]})
    assert dict(one(made["destination_xml"], "devices/interface/source").attrib) == {"dev": "eth1", "mode": "bridge"}


def test_what_is_missing_is_named_without_secrets(run: Run) -> None:
    failed = run({"xml": LIVE})
    assert "its vnc console listens on 192.0.2.11" in failed["msg"]
    assert "Pass vpmems" in failed["msg"]
    assert "hunter2" not in str(failed)


def test_arguments_are_checked(run: Run) -> None:
    assert "one of the following is required: domain, xml" in run({})["msg"]
    assert "mutually exclusive" in run({"domain": "web1", "xml": PLAIN})["msg"]
    assert "required together" in run({"xml": PLAIN, "path": "/srv"})["msg"]
    assert "numa" in run({"xml": PLAIN, "numa": {"cpu_pins": {"0": "2-3"}}})["msg"]
    assert "that is no address of one" in run({"xml": LIVE, "pci_devices": {"0000:3b:02.1": "3b:02"}})["msg"]
    assert "malformed" in run({"xml": "<domain"})["msg"]


def test_what_is_secret_in_a_domain() -> None:
    text = """<domain><devices><graphics type='spice' passwd='hunter2'/>
      <disk><source protocol='https'><cookies><cookie name='c'>hunter3</cookie></cookies></source></disk></devices>
      <launchSecurity type='sev'><dhCert>hunter4</dhCert><session>hunter5</session></launchSecurity></domain>"""
    assert "hunter" not in redacted(text)
    assert redacted(text).count("REDACTED") == 4
