#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: source_guest
short_description: Let a guest go from its source host, take it back, or remove what is left of it
version_added: 0.1.0
description:
  - Runs on the hypervisor that the guest leaves, as root. That is the move's source; and its destination, when the
    move is reverted.
  - Each step is noted in the server's folder when it is done. A run that was killed is run again and goes on.
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
      - V(released) keeps the domain's XML beside the disks, shuts the guest down, uploads O(transfers), undefines the
        domain, disconnects O(volumes), and unplugs O(vifs). The disks stay.
      - V(restored) takes all of this back, and starts the guest if it ran before.
      - V(absent) removes the domain and the server's folder. O(volumes) and O(vifs) that are given, as after a live
        migration, are disconnected and unplugged before. It refuses while the guest runs here.
    type: str
    choices: [released, restored, absent]
    required: true
  volumes:
    description:
      - The server's volumes, each with C(volume_id) and C(connection_info) as the source holds it. Other keys
        are ignored.
      - Without any, those are used that were noted while the guest still ran.
      - Contains secrets, so set C(no_log) on the task.
    type: list
    elements: dict
    default: []
  vifs:
    description:
      - The server's ports as Nova's C(network_info) has them, for this host.
    type: list
    elements: dict
    default: []
  bindings:
    description:
      - The ports' bindings for this host, as RV(stackmove.nova.port_bindings#module:bindings) has them.
      - Needed when the ports were active elsewhere since, and Nova's C(network_info) may tell of that.
    type: list
    elements: dict
    default: []
  shutdown_timeout_s:
    description:
      - Seconds that the guest has to shut down by itself before it is switched off.
    type: int
    default: 60
  shutdown_retry_interval_s:
    description:
      - Seconds after which the guest is asked again; by default C([compute] shutdown_retry_interval) of this host.
    type: int
seealso:
  - module: stackmove.nova.destination_guest
  - module: stackmove.nova.transfer_images
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Shut the guest down and upload its disk
  stackmove.nova.source_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: released
    transfers:
      - disk: disk
        image_id: "{{ images.images.disk.id }}"
    endpoint: "{{ images.endpoint }}"
    token: "{{ images.token }}"
  delegate_to: compute11
  no_log: true

- name: Take the guest back
  stackmove.nova.source_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: restored
  delegate_to: compute11
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, in order.
  returned: success
  type: list
  elements: str
  sample: [keep, shut_down, "upload:disk", undefine, disconnect]
guest_state:
  description: The domain's state afterwards, or V(absent).
  returned: success
  type: str
was_running:
  description: Whether the guest ran when the move began.
  returned: when O(state=released), and not in check mode
  type: bool
clean_shutdown:
  description: Whether the guest shut down by itself; V(null) when it did not run.
  returned: when O(state=released), and not in check mode
  type: bool
off_since:
  description: When the guest was asked to shut down, in seconds since the epoch; V(null) when it did not run.
  returned: when O(state=released), and not in check mode
  type: float
disks:
  description: The disks that were uploaded; sizes in bytes.
  returned: when O(state=released), and not in check mode
  type: list
  elements: dict
  sample:
    - disk: disk
      image_id: 696d6167-6500-4163-8b6d-6f7665210001
      disk_format: qcow2
      size_bytes: 19333120
      virtual_size_bytes: 1073741824
      sha512: 4dff4ea340f0a823...
      seconds: 1.25
domain_xml:
  description: The domain's XML as it was kept, console passwords included.
  returned: when O(state=released), and not in check mode
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._host import nova_conf, params
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._move.departure import Departure

SPEC: dict[str, Any] = {
    "server": {"type": "str", "required": True},
    "migration": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["released", "restored", "absent"]},
    "volumes": {"type": "list", "elements": "dict", "default": []},
    "vifs": {"type": "list", "elements": "dict", "default": []},
    "bindings": {"type": "list", "elements": "dict", "default": []},
    "shutdown_timeout_s": {"type": "int", "default": 60},
    "shutdown_retry_interval_s": {"type": "int"},
    **params.LOCK_OPTIONS,
    **params.TRANSFER_OPTIONS,
    **params.LIBVIRT_OPTIONS,
}


def work(module: AnsibleModule) -> dict[str, Any]:
    """Do what the state asks for, and return the module's result."""
    given = module.params
    if given["shutdown_retry_interval_s"] is None:
        conf = nova_conf.read(given["nova_conf"])
        given["shutdown_retry_interval_s"] = conf.number("compute", "shutdown_retry_interval")
    with connect(given["libvirt_uri"]) as connection:
        return Departure(connection, given).run(module.check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    run_module(module, work, {})


if __name__ == "__main__":
    main()
