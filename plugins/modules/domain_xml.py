#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_xml
short_description: Make the XML with which a running libvirt guest arrives at another host
version_added: 0.1.0
description:
  - Changes what the host decides, such as addresses of consoles, paths, bridges, connections of volumes, or processors
    of the host; and nothing that the guest sees. Elements and attributes that it does not know stay, in their order.
  - Says in words what it changed. The result is for M(stackmove.nova.domain_live_migration), or for C(virsh migrate)
    with C(--xml) and C(--persistent-xml).
  - Where the guest needs something at the destination that no option tells, the device and the option are named; all of
    them at once. Options for devices that the guest has not got are not needed.
  - A guest that has Nova's metadata is Nova's, so that O(volumes) and its ports (O(vifs) or O(interfaces)) must be
    complete. Of another guest only what is named is changed.
  - Nothing on the host is changed, in check mode or not.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
  - stackmove.nova.libvirt
attributes:
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: N/A
    details:
      - It is C(changed) when the XML for the destination differs from the guest's. The guest stays as it is, so that
        the same arguments give the same result. Given its own result as O(xml), it has nothing to change.
options:
  domain:
    description:
      - The guest's uuid or name. Its XML is read from O(libvirt_uri), with the passwords of its consoles.
    type: str
  xml:
    description:
      - The guest's XML, as C(virsh dumpxml --migratable --security-info) prints it, instead of O(domain).
    type: str
  destination_name:
    description:
      - The guest's name at the destination. Of Nova's guests it follows from the row's id in the destination's cell.
      - Sockets and firmware variables (UEFI) that are named after the guest follow.
    type: str
  source_path:
    description:
      - The folder with the guest's files on the host that it leaves.
    type: path
  path:
    description:
      - The folder that takes its place on the destination. By default files keep their paths.
    type: path
  listen:
    description:
      - Where graphical consoles listen at the destination, for example C([vnc] server_listen) of its C(nova.conf).
    type: dict
    suboptions:
      vnc:
        description: The address for VNC.
        type: str
      spice:
        description: The address for SPICE.
        type: str
  serial_address:
    description:
      - Where consoles over TCP listen at the destination (C([serial_console] proxyclient_address)).
    type: str
  serial_ports:
    description:
      - Free ports there, in the order of the guest's serial ports.
    type: list
    elements: int
    default: []
  volumes:
    description:
      - The guest's volumes, found by their serials, as the destination is connected to them. Each has C(volume_id) and
        C(connection_info), with C(device_path) in its C(data) where it is a device or a file, as
        RV(stackmove.nova.destination_guest#module:volumes) has it; and C(encryption_secret_uuid), libvirt's secret
        there, where QEMU decrypts it. Other keys are ignored.
      - Contains secrets, so set C(no_log) on the task.
    type: list
    elements: dict
    default: []
  rbd_user:
    description:
      - C([libvirt] rbd_user) of the destination, for disks in Ceph and connections that name none.
    type: str
  rbd_secret_uuid:
    description:
      - C([libvirt] rbd_secret_uuid) of the destination. It is the name of a secret and none itself.
    type: str
  rbd_monitors:
    description:
      - Ceph's monitors as C(address:port), for local disks in Ceph. By default they stay.
    type: list
    elements: str
    default: []
  perf_events:
    description:
      - The performance events that the destination counts (C([libvirt] enabled_perf_events)). By default they stay.
    type: list
    elements: str
  file_backed_memory:
    description:
      - Whether the destination backs guests' memory by files (C([libvirt] file_backed_memory) is not 0). By default it
        stays as it is.
    type: bool
  cpu_shares:
    description:
      - Whether the guest keeps its weight. Set it to V(false) for a guest of Nova's whose flavor has no
        C(quota:cpu_shares); Nova before 2023.1 gave it one that control groups v2 may refuse.
    type: bool
    default: true
  interfaces:
    description:
      - What changes of the guest's interfaces. The guest keeps its MTU.
      - What is left out stays, and an empty text takes it away.
    type: list
    elements: dict
    default: []
    suboptions:
      mac:
        description: The interface's MAC.
        type: str
        required: true
      type:
        description: libvirt's kind of interface. It is V(bridge) if O(interfaces[].bridge) is given.
        type: str
      bridge:
        description: The bridge.
        type: str
      source:
        description: Instead of a bridge, all attributes of libvirt's C(<source>), for example C(dev) and C(mode).
        type: dict
      device:
        description: The name of the host's end.
        type: str
      openvswitch_id:
        description: C(external_ids:iface-id) of the port in Open vSwitch.
        type: str
  vifs:
    description:
      - The server's ports as Nova's C(network_info) has them, instead of O(interfaces).
    type: list
    elements: dict
    default: []
  bindings:
    description:
      - The ports' bindings for the destination, as RV(stackmove.nova.port_bindings#module:bindings) has them, when
        O(vifs) are those of the source.
    type: list
    elements: dict
    default: []
  cpu_shared_set:
    description:
      - C([compute] cpu_shared_set) of the destination; empty for every processor.
    type: str
  numa:
    description:
      - Where the guest is pinned at the destination.
    type: dict
    suboptions:
      cpu_pins:
        description: By number of the guest's processor, a list of the host's.
        type: dict
      cell_pins:
        description: By number of the guest's NUMA node, a list of the host's.
        type: dict
      emulator_pins:
        description: The host's processors for QEMU's own threads and its I/O threads.
        type: list
        elements: int
      sched_vcpus:
        description: The guest's real-time processors.
        type: list
        elements: int
      sched_priority:
        description: Their priority.
        type: int
  mdevs:
    description:
      - The destination's mediated device (vGPU) by the source's, as uuids.
    type: dict
    default: {}
  pci_devices:
    description:
      - The destination's PCI device by the source's, as C(0000:3b:00.1).
    type: dict
    default: {}
  vpmems:
    description:
      - The destination's devices for the guest's persistent memory, in its order.
    type: list
    elements: str
    default: []
  emulators:
    description:
      - The destination's QEMU by architecture, as RV(stackmove.nova.hypervisor_info#module:libvirt) has it.
    type: dict
    default: {}
  machine_types:
    description:
      - The machines that the destination's QEMU can be, likewise. The guest's must be among them.
    type: list
    elements: str
    default: []
  nova_release:
    description:
      - The release of the Nova that the guest belongs to from then on, which Nova notes in the metadata.
    type: str
notes:
  - O(nova_conf) is an option so that the action group can be given it. It is not read.
  - The result has the passwords of the guest's consoles, and libvirt needs them there. Where there are any, set
    C(no_log) on the task and on the one that uses it. In the diff they are blanked out.
seealso:
  - module: stackmove.nova.domain_live_migration
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Derive the XML of a guest of no cloud
  stackmove.nova.domain_xml:
    domain: web1
    listen:
      vnc: 192.0.2.21
    interfaces:
      - mac: 52:54:00:6b:3c:58
        bridge: br1
  register: arriving
  no_log: true

- name: Migrate it
  stackmove.nova.domain_live_migration:
    domain: web1
    destination_uri: qemu+ssh://root@kvm2/system
    destination_xml: "{{ arriving.destination_xml }}"
    persistent_xml: "{{ arriving.persistent_xml }}"
  no_log: true

- name: Derive the XML of a server of Nova's for a host of another cell
  stackmove.nova.domain_xml:
    domain: 6f70656e-7374-4163-8b6d-6f7665210001
    destination_name: instance-0000002a
    listen:
      vnc: "{{ destination.nova.vnc_server_listen }}"
    volumes: "{{ connected.volumes }}"
    vifs: "{{ network_info }}"
    bindings: "{{ bound.bindings }}"
    cpu_shared_set: "{{ destination.nova.cpu_shared_set }}"
    cpu_shares: "{{ 'quota:cpu_shares' in flavor.extra_specs }}"
    emulators: "{{ destination.libvirt.emulators }}"
    machine_types: "{{ destination.libvirt.machine_types }}"
  delegate_to: compute11
  no_log: true
"""

RETURN = r"""
destination_xml:
  description:
    - The XML with which the guest arrives. It has the source's name, as libvirt wants it.
    - Has passwords of consoles, if there are any.
  returned: success
  type: str
persistent_xml:
  description: The XML by which the guest is defined there, with the name that it has there. Has passwords likewise.
  returned: success
  type: str
destination_name:
  description: The guest's name at the destination.
  returned: success
  type: str
  sample: instance-0000002a
changes:
  description: What differs from the source's XML, in words.
  returned: success
  type: list
  elements: str
  sample: ["vnc listens on: 192.0.2.11 → 192.0.2.21"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._host import params
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import numa, secrets
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain_xml import LiveTarget, live_xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migratable import migratable_xml

INTERFACE: dict[str, Any] = {
    "mac": {"type": "str", "required": True},
    "type": {"type": "str"},
    "bridge": {"type": "str"},
    "source": {"type": "dict"},
    "device": {"type": "str"},
    "openvswitch_id": {"type": "str"},
}
NUMA: dict[str, Any] = {
    "cpu_pins": {"type": "dict"},
    "cell_pins": {"type": "dict"},
    "emulator_pins": {"type": "list", "elements": "int"},
    "sched_vcpus": {"type": "list", "elements": "int"},
    "sched_priority": {"type": "int"},
}
SPEC: dict[str, Any] = {
    "domain": {"type": "str"},
    "xml": {"type": "str", "no_log": True},
    "destination_name": {"type": "str"},
    "source_path": {"type": "path"},
    "path": {"type": "path"},
    "listen": {"type": "dict", "options": {"vnc": {"type": "str"}, "spice": {"type": "str"}}},
    "serial_address": {"type": "str"},
    "serial_ports": {"type": "list", "elements": "int", "default": []},
    "volumes": {"type": "list", "elements": "dict", "default": []},
    "rbd_user": {"type": "str"},
    "rbd_secret_uuid": {"type": "str", "no_log": False},
    "rbd_monitors": {"type": "list", "elements": "str", "default": []},
    "perf_events": {"type": "list", "elements": "str"},
    "file_backed_memory": {"type": "bool"},
    "cpu_shares": {"type": "bool", "default": True},
    "interfaces": {"type": "list", "elements": "dict", "default": [], "options": INTERFACE},
    "vifs": {"type": "list", "elements": "dict", "default": []},
    "bindings": {"type": "list", "elements": "dict", "default": []},
    "cpu_shared_set": {"type": "str"},
    "numa": {"type": "dict", "options": NUMA},
    "mdevs": {"type": "dict", "default": {}},
    "pci_devices": {"type": "dict", "default": {}},
    "vpmems": {"type": "list", "elements": "str", "default": []},
    "emulators": {"type": "dict", "default": {}},
    "machine_types": {"type": "list", "elements": "str", "default": []},
    "nova_release": {"type": "str"},
    **params.LIBVIRT_OPTIONS,
}


def told(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in given.items() if value is not None}


def target(given: dict[str, Any]) -> LiveTarget:
    """Return what the options tell of the destination."""
    connections = params.connections(given["volumes"])
    return LiveTarget(
        name=given["destination_name"] or "",
        source_path=given["source_path"] or "",
        path=given["path"] or "",
        listen=told(given["listen"] or {}),
        serial_address=given["serial_address"] or "",
        serial_ports=given["serial_ports"],
        volumes=[
            {**info, "encryption_secret_uuid": volume.get("encryption_secret_uuid")}
            for volume, info in zip(given["volumes"], connections)
        ],
        rbd_user=given["rbd_user"] or "",
        rbd_secret_uuid=given["rbd_secret_uuid"] or "",
        rbd_monitors=given["rbd_monitors"],
        perf_events=given["perf_events"],
        file_backed_memory=given["file_backed_memory"],
        cpu_shares=given["cpu_shares"],
        interfaces=[
            *map(told, given["interfaces"]),
            *(port.interface() for port in params.ports(given["vifs"], given["bindings"])),
        ],
        cpu_shared_set=given["cpu_shared_set"],
        pins=numa.pins(given["numa"]) if given["numa"] else None,
        mdevs=given["mdevs"],
        pci_devices=given["pci_devices"],
        vpmems=given["vpmems"],
        emulators=given["emulators"],
        machine_types=given["machine_types"],
        nova_release=given["nova_release"] or "",
    )


def read(module: AnsibleModule) -> str:
    """Return the guest's XML."""
    given = module.params
    if given["domain"]:
        with connect(given["libvirt_uri"]) as connection:
            return migratable_xml(connection, given["domain"])
    # As an argument it is kept out of logs. The result may be the same text, and is not to be masked then.
    text: str = given["xml"]
    given["xml"] = secrets.redacted(text)
    module.no_log_values.discard(text)
    return text


def work(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    known = target(module.params)
    before = read(module)
    made = live_xml(before, known)
    return {
        "changed": bool(made.changes),
        "destination_xml": made.destination_xml,
        "persistent_xml": made.persistent_xml,
        "destination_name": made.name,
        "changes": made.changes,
        "diff": {"before": secrets.redacted(before), "after": secrets.redacted(made.persistent_xml)},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=SPEC,
        supports_check_mode=True,
        required_one_of=[("domain", "xml")],
        mutually_exclusive=[("domain", "xml"), ("interfaces", "vifs")],
        required_together=[("source_path", "path")],
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
