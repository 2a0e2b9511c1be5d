#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: destination_guest
short_description: Make room for a guest on its destination host, take it in, or give it up
version_added: 0.1.0
description:
  - Runs on the destination hypervisor, as root.
  - Each step is noted in the server's folder when it is done. A run that was killed is run again and goes on.
  - The note also names the move. What was not made by this move is never removed.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  server:
    description:
      - The server's uuid, which is its domain's too.
    type: str
    required: true
  migration:
    description:
      - The uuid that names the move.
    type: str
    required: true
  state:
    description:
      - V(staged) makes the server's folder and puts O(base_image) into Nova's image cache, while the guest still
        runs at the source.
      - V(running) downloads O(transfers), connects O(volumes), plugs O(vifs), defines the domain, starts it, and proves
        that it runs.
      - V(stopped) does the same without starting it.
      - V(absent) removes the domain and the folder that this move made. Base images stay.
      - V(settled) removes the note, when the move is confirmed and the server is Nova's alone.
    type: str
    choices: [staged, running, stopped, absent, settled]
    required: true
  base_image:
    description:
      - The image that the server was made from. The root disk becomes an overlay over it.
      - Without it, for example because the image was deleted, the root disk becomes one flat file.
    type: dict
    suboptions:
      id:
        description:
          - The image's id.
        type: str
        required: true
      disk_format:
        description:
          - The image's disk format.
        type: str
        required: true
  required_bytes:
    description:
      - For O(state=staged), how much space the server's local disks will take, in bytes.
    type: int
    default: 0
  transfers:
    description:
      - For O(state=running) and O(state=stopped), the local disks as
        RV(stackmove.nova.source_guest#module:disks) has them.
    type: list
    elements: dict
    default: []
    suboptions:
      disk:
        description:
          - The disk's file in the server's folder, for example V(disk) or V(disk.config).
        type: str
        required: true
      image_id:
        description:
          - The image for its bytes.
        type: str
        required: true
      disk_format:
        description:
          - The image's format, V(qcow2) or V(raw).
        type: str
      sha512:
        description:
          - The SHA-512 of the image's bytes, once they are sent.
        type: str
      size_bytes:
        description:
          - The number of the image's bytes, once they are sent.
        type: int
      virtual_size_bytes:
        description:
          - The disk's size as the guest sees it, in bytes. Not used.
        type: int
      seconds:
        description:
          - How long the upload took. Not used.
        type: float
  endpoint:
    description:
      - The image service's endpoint.
    type: str
  token:
    description:
      - A token for the image service.
    type: str
  ca_file:
    description:
      - Certificates on this host to trust the image service by.
    type: path
  domain_xml:
    description:
      - The domain's XML as the source kept it.
    type: str
  domain_name:
    description:
      - The domain's name on this host, which follows from the row's id in the destination cell.
    type: str
  source_path:
    description:
      - The server's folder on the source host.
    type: path
  flavor:
    description:
      - The flavor that the guest shall have. Memory and swap in MiB, disks in GiB. Other keys are ignored.
    type: dict
  volumes:
    description:
      - The server's volumes, each with C(volume_id) and C(connection_info) as this host holds it. Other keys
        are ignored.
      - Contains secrets, so set C(no_log) on the task.
    type: list
    elements: dict
    default: []
  vifs:
    description:
      - The server's ports as Nova's C(network_info) has them.
    type: list
    elements: dict
    default: []
  bindings:
    description:
      - The ports' bindings for this host, as RV(stackmove.nova.port_bindings#module:bindings) has them.
      - Needed when O(vifs) are those of the source.
    type: list
    elements: dict
    default: []
  verify_disks:
    description:
      - Compare each overlay with what was downloaded, byte by byte. The guest is off meanwhile.
      - The checksum of the download is compared always.
    type: bool
    default: false
  nova_conf:
    description:
      - The files that nova-compute is started with, later ones over earlier ones. Files that do not exist are left out.
    type: list
    elements: path
    default: [/etc/nova/nova.conf, /etc/nova/nova-compute.conf]
  libvirt_uri:
    description:
      - How libvirt is reached.
    type: str
    default: qemu:///system
seealso:
  - module: stackmove.nova.source_guest
  - module: stackmove.nova.transfer_images
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Make room while the guest still runs at the source
  stackmove.nova.destination_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: staged
    base_image:
      id: 62617365-0000-4163-8b6d-6f7665210001
      disk_format: qcow2
    endpoint: "{{ images.endpoint }}"
    token: "{{ images.token }}"
  delegate_to: compute21

- name: Take the guest in
  stackmove.nova.destination_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: running
    transfers: "{{ released.disks }}"
    domain_xml: "{{ released.domain_xml }}"
    domain_name: instance-0000002a
    source_path: /var/lib/nova/instances/6f70656e-7374-4163-8b6d-6f7665210001
    flavor: "{{ flavor }}"
    vifs: "{{ network_info }}"
    bindings: "{{ bound.bindings }}"
    endpoint: "{{ images.endpoint }}"
    token: "{{ images.token }}"
  delegate_to: compute21
  no_log: true
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
  sample: ["download:disk", settle_files, connect, define, start]
domain:
  description: The domain afterwards with its C(uuid), C(name), and C(state); V(absent) is a state, too.
  returned: always
  type: dict
disks:
  description: The disks that were taken in; sizes in bytes.
  returned: always
  type: list
  elements: dict
changes:
  description: What differs from the source's XML, in words.
  returned: always
  type: list
  elements: str
  sample: ["name: instance-0000000a → instance-0000002a"]
volumes:
  description:
    - O(volumes) with the device paths of this host in C(connection_info), as Nova stores them. Contains secrets.
  returned: always
  type: list
  elements: dict
off_until:
  description: When the guest was started, in seconds since the epoch; V(null) when it was not.
  returned: always
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    console_ports,
    destination,
    nova_conf,
    params,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    capabilities,
    domain_xml,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest

SPEC: dict[str, Any] = {
    "server": {"type": "str", "required": True},
    "migration": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "required": True,
        "choices": ["staged", "running", "stopped", "absent", "settled"],
    },
    "base_image": {
        "type": "dict",
        "options": {
            "id": {"type": "str", "required": True},
            "disk_format": {"type": "str", "required": True},
        },
    },
    "required_bytes": {"type": "int", "default": 0},
    "transfers": params.TRANSFERS,
    "endpoint": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "domain_xml": {"type": "str", "no_log": True},
    "domain_name": {"type": "str"},
    "source_path": {"type": "path"},
    "flavor": {"type": "dict"},
    "volumes": {"type": "list", "elements": "dict", "default": []},
    "vifs": {"type": "list", "elements": "dict", "default": []},
    "bindings": {"type": "list", "elements": "dict", "default": []},
    "verify_disks": {"type": "bool", "default": False},
    "nova_conf": {"type": "list", "elements": "path", "default": list(nova_conf.DEFAULT_FILES)},
    "libvirt_uri": {"type": "str", "default": "qemu:///system"},
}
NEEDED = ["domain_xml", "domain_name", "source_path", "flavor"]


class Work:
    """One run of the module."""

    def __init__(self, guest: Guest, hypervisor: dict[str, Any], given: dict[str, Any]) -> None:
        self.guest = guest
        self.hypervisor = hypervisor
        self.given = given
        self.conf = nova_conf.read(given["nova_conf"])
        volumes = Volumes(self.conf, in_use=lambda path: bool(guest.others_using(path)))
        self.host = destination.DestinationHost(guest, self.conf, given["migration"], volumes)
        self.connections = params.connections(given["volumes"])
        self.ports = params.ports(given["vifs"], given["bindings"])
        base = given["base_image"]
        self.base = destination.BaseImage(**base) if base else None
        self.transfers = [
            destination.Transfer(
                item["disk"], item["image_id"], params.image_format(item), item["sha512"], item["size_bytes"]
            )
            for item in given["transfers"]
        ]

    def target(self, volumes: list[dict[str, Any]], xml: str) -> domain_xml.Target:
        """Return what this host decides of the domain."""
        nova, flavor = self.conf.summary(), self.given["flavor"]
        consoles = domain_xml.tcp_consoles(xml) if nova["serial_console_enabled"] else 0
        address = nova["serial_console_address"]
        return domain_xml.Target(
            name=self.given["domain_name"],
            source_path=self.given["source_path"],
            path=str(self.host.folder.path),
            flavor=domain_xml.flavor(flavor),
            interfaces=[port.interface() for port in self.ports],
            volumes=volumes,
            disk_formats={item.disk: item.disk_format for item in self.transfers},
            listen={"vnc": nova["vnc_server_listen"], "spice": nova["spice_server_listen"]},
            machine_types=self.hypervisor["machine_types"],
            emulators=self.hypervisor["emulators"],
            cpu_shared_set=nova["cpu_shared_set"],
            virt_type=nova["virt_type"],
            rbd_user=nova["rbd_user"],
            rbd_secret_uuid=nova["rbd_secret_uuid"],
            serial_address=address,
            serial_ports=console_ports.free_ports(address, nova["serial_console_port_range"], consoles),
        )

    def plan(self) -> list[str]:
        """Decide what is to be done."""
        server, migration, state = (self.given[key] for key in ("server", "migration", "state"))
        seen = self.host.observe(self.base)
        if state == "staged":
            return destination.plan_stage(seen, server, migration)
        if state == "absent":
            return destination.plan_give_up(seen, server, migration)
        if state == "settled":
            return destination.plan_settle(seen, server, migration)
        run = state == "running"
        return destination.plan_take(seen, server, migration, self.transfers, run)

    def take(self, steps: list[str]) -> None:
        """Take the guest in."""
        given = self.given
        images = params.image_service(given)
        root_gb = int(given["flavor"].get("root_gb") or 0)
        self.host.stage(steps, self.base, images, given["required_bytes"])
        self.host.take(steps, self.transfers, images, self.base, root_gb, given["verify_disks"])
        if "define" in steps:
            volumes = self.host.connect(self.connections, self.ports, given["domain_name"])
            target = self.target(volumes, given["domain_xml"])
            self.host.define(*domain_xml.for_destination(given["domain_xml"], target))
        if "start" in steps:
            self.host.start()

    def act(self, steps: list[str]) -> None:
        """Do the steps."""
        state = self.given["state"]
        if state in {"running", "stopped"}:
            self.take(steps)
        elif state == "staged":
            images = params.image_service(self.given)
            self.host.stage(steps, self.base, images, self.given["required_bytes"])
        elif state == "absent":
            self.host.give_up(steps, self.connections, self.ports)
        elif steps:
            self.host.settle()

    def volumes(self) -> list[dict[str, Any]]:
        """Return the volumes as they were given, with this host's device paths."""
        connected = self.host.connected(self.connections)
        return [{**volume, "connection_info": info} for volume, info in zip(self.given["volumes"], connected)]

    def describe(self) -> dict[str, str]:
        """Say what is here, in a few words."""
        folder = "present" if self.host.folder.exists() else "absent"
        return {"guest": self.guest.state(), "folder": folder}

    def run(self, check_mode: bool) -> dict[str, Any]:
        """Plan, act unless in check mode, and return the module's result."""
        before, steps = self.describe(), self.plan()
        if not check_mode:
            self.act(steps)
        after = predict(before, steps) if check_mode else self.describe()
        name = self.guest.name() if self.guest.exists() else None
        return {
            "changed": bool(steps),
            "steps": steps,
            "domain": {"uuid": self.guest.uuid, "name": name, "state": after["guest"]},
            "diff": {"before": before, "after": after},
            "volumes": self.volumes(),
            **self.host.result(),
        }


def predict(before: dict[str, str], steps: list[str]) -> dict[str, str]:
    """Say what would be here after the steps."""
    after = dict(before)
    if "destroy" in steps:
        after["guest"] = "absent"
    elif "start" in steps:
        after["guest"] = "running"
    elif "define" in steps:
        after["guest"] = "shutoff"
    if "create_directory" in steps:
        after["folder"] = "present"
    if "remove_directory" in steps:
        after["folder"] = "absent"
    return after


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=SPEC,
        supports_check_mode=True,
        required_if=[("state", "running", NEEDED), ("state", "stopped", NEEDED)],
    )
    try:
        with connect(module.params["libvirt_uri"]) as connection:
            guest = Guest(connection, module.params["server"])
            hypervisor = capabilities.describe(connection)
            result = Work(guest, hypervisor, module.params).run(module.check_mode)
    except StackmoveError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Failed to work on this host: {error}. Remedy: Check space and permissions.")
    except ImportError as error:
        module.fail_json(msg=missing_required_lib(str(error.name)))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
