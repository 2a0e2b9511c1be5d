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
  - stackmove.nova.libvirt
  - stackmove.nova.host_lock
  - stackmove.nova.nova_move
  - stackmove.nova.transfers
options:
  state:
    description:
      - V(staged) makes the server's folder and puts O(base_image) into Nova's image cache, while the guest still
        runs at the source.
      - V(running) downloads O(transfers), connects O(volumes), plugs O(vifs), defines the domain, starts it, and proves
        that it runs.
      - V(stopped) does the same without starting it.
      - V(awaited) does what V(staged) does, makes empty O(disks), connects O(volumes) and plugs O(vifs), so that a
        guest that runs elsewhere can arrive by live migration (M(stackmove.nova.domain_live_migration) with
        C(create_disks=false)). Where it arrives already, or has arrived, nothing is touched.
      - V(absent) removes the domain and the folder that this move made. Base images stay. After V(awaited) it is
        refused as long as there is a domain - it may be the only one.
      - V(settled) removes the note, when the move is confirmed or reverted and the server is Nova's alone.
    type: str
    choices: [staged, awaited, running, stopped, absent, settled]
    required: true
  adopt:
    description:
      - What is on this host already is used, although this move did not bring it. That is how a move is reverted.
      - With O(state=running) or O(state=stopped), on the move's source, the guest is defined with the disks that were
        kept in its folder there. Nothing is downloaded. It is refused while the guest runs there, and unless the
        folder has just the local disks that O(domain_xml) has.
      - With O(state=absent), on the move's destination, what Nova itself has brought there is removed, too.
    type: bool
    default: false
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
  disks:
    description:
      - For V(awaited), the local disks that the migration fills. One that was written to, by a migration that failed,
        is made anew.
    type: list
    elements: dict
    default: []
    suboptions:
      disk:
        description: The file's name in the server's folder.
        type: str
        required: true
      disk_format:
        description: Its format.
        type: str
        choices: [qcow2, raw]
        required: true
      virtual_size_bytes:
        description: The size that the guest sees, in bytes. It must be the source's.
        type: int
        required: true
      over_base:
        description:
          - Whether it is an overlay over O(base_image), as it must be if it is one at the source and only what differs
            is copied (C(copy_storage=incremental)).
        type: bool
        default: false
  tcp_consoles:
    description:
      - For V(awaited), how many free ports of the host the guest's serial consoles need.
    type: int
    default: 0
  domain_xml:
    description:
      - The domain's XML as the host that the guest has left kept it.
    type: str
  domain_name:
    description:
      - The domain's name on this host, which follows from the row's id in the destination cell.
    type: str
  source_path:
    description:
      - The server's folder on the host that the guest has left.
    type: path
  flavor:
    description:
      - The flavor that the guest shall have. Memory and swap in MiB, disks in GiB. Other keys are ignored.
    type: dict
  volumes:
    description:
      - The server's volumes, each with C(volume_id) and C(connection_info) as this host holds it. Other keys
        are ignored.
      - Without any, O(state=absent) disconnects those that were noted before the first was connected.
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

- name: Prepare for a guest that goes on running
  stackmove.nova.destination_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: awaited
    domain_name: instance-0000002a
    base_image:
      id: 62617365-0000-4163-8b6d-6f7665210001
      disk_format: qcow2
    disks:
      - disk: disk
        disk_format: qcow2
        virtual_size_bytes: 1073741824
        over_base: true
    volumes: "{{ attached.volumes }}"
    vifs: "{{ network_info }}"
    bindings: "{{ bound.bindings }}"
    endpoint: "{{ images.endpoint }}"
    token: "{{ images.token }}"
  delegate_to: compute21
  no_log: true

- name: Take the guest in again at the source, to revert the move
  stackmove.nova.destination_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: running
    adopt: true
    domain_xml: "{{ released_at_destination.domain_xml }}"
    domain_name: instance-0000000a
    source_path: /var/lib/nova/instances/6f70656e-7374-4163-8b6d-6f7665210001
    flavor: "{{ old_flavor }}"
    vifs: "{{ network_info }}"
    bindings: "{{ bound.bindings }}"
  delegate_to: compute11
  no_log: true
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, in order.
  returned: success
  type: list
  elements: str
  sample: ["download:disk", settle_files, connect, define, start]
domain:
  description: The domain afterwards with its C(uuid), C(name), and C(state); V(absent) is a state, too.
  returned: success
  type: dict
disks:
  description: The disks that were taken in; sizes in bytes.
  returned: success
  type: list
  elements: dict
changes:
  description: What differs from the source's XML, in words.
  returned: success
  type: list
  elements: str
  sample: ["name: instance-0000000a → instance-0000002a"]
volumes:
  description:
    - O(volumes) with the device paths of this host in C(connection_info), as Nova stores them. Contains secrets.
  returned: success
  type: list
  elements: dict
serial_ports:
  description: With O(state=awaited), as many free ports as O(tcp_consoles) asks for.
  returned: success
  type: list
  elements: int
off_until:
  description: When the guest was started, in seconds since the epoch; V(null) when it was not.
  returned: success
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._host import params
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._move.arrival import Arrival

DISK: dict[str, Any] = {
    "disk": {"type": "str", "required": True},
    "disk_format": {"type": "str", "choices": ["qcow2", "raw"], "required": True},
    "virtual_size_bytes": {"type": "int", "required": True},
    "over_base": {"type": "bool", "default": False},
}
SPEC: dict[str, Any] = {
    "server": {"type": "str", "required": True},
    "migration": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "required": True,
        "choices": ["staged", "awaited", "running", "stopped", "absent", "settled"],
    },
    "adopt": {"type": "bool", "default": False},
    "base_image": {
        "type": "dict",
        "options": {
            "id": {"type": "str", "required": True},
            "disk_format": {"type": "str", "required": True},
        },
    },
    "disks": {"type": "list", "elements": "dict", "default": [], "options": DISK},
    "tcp_consoles": {"type": "int", "default": 0},
    "domain_xml": {"type": "str", "no_log": True},
    "domain_name": {"type": "str"},
    "source_path": {"type": "path"},
    "flavor": {"type": "dict"},
    "volumes": {"type": "list", "elements": "dict", "default": []},
    "vifs": {"type": "list", "elements": "dict", "default": []},
    "bindings": {"type": "list", "elements": "dict", "default": []},
    **params.LOCK_OPTIONS,
    **params.TRANSFER_OPTIONS,
    **params.LIBVIRT_OPTIONS,
}
NEEDED = ["domain_xml", "domain_name", "source_path", "flavor"]


def work(module: AnsibleModule) -> dict[str, Any]:
    """Do what the state asks for, and return the module's result."""
    with connect(module.params["libvirt_uri"]) as connection:
        return Arrival(connection, module.params).run(module.check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=SPEC,
        supports_check_mode=True,
        required_if=[
            ("state", "running", NEEDED),
            ("state", "stopped", NEEDED),
            ("state", "awaited", ["domain_name"]),
        ],
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
