#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_storage_probe
short_description: Find out by a file whether hypervisors keep their instances in one place
version_added: 0.1.0
description:
  - Deleting a server's folder on one host would delete its disks on another host that shares the folder. Names and
    identifiers of file systems only hint at that. A file that was written on one host and is seen on the other
    proves it.
  - Runs on a hypervisor, as root.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
  - stackmove.nova.libvirt
options:
  token:
    description:
      - A uuid that names the file, as the move's does.
    type: str
    required: true
  state:
    description:
      - V(present) writes the file C(.stackmove-<token>) into Nova's C(instances_path).
      - V(seen) looks for it, and changes nothing.
      - V(absent) removes it.
    type: str
    choices: [present, absent, seen]
    required: true
notes:
  - O(libvirt_uri) is an option so that the action group can be given it. Nothing is asked of libvirt.
seealso:
  - module: stackmove.nova.hypervisor_info
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Leave a mark on the destination
  stackmove.nova.instance_storage_probe:
    token: 6d696772-6174-4e00-8b6d-6f7665210001
    state: present
  delegate_to: compute21

- name: Look for it on the source
  stackmove.nova.instance_storage_probe:
    token: 6d696772-6174-4e00-8b6d-6f7665210001
    state: seen
  delegate_to: compute11
  register: probe

- name: Remove it
  stackmove.nova.instance_storage_probe:
    token: 6d696772-6174-4e00-8b6d-6f7665210001
    state: absent
  delegate_to: compute21

- name: The two hosts share nothing
  ansible.builtin.assert:
    that: not probe.seen
"""

RETURN = r"""
seen:
  description: Whether the file was there before this module did anything.
  returned: success
  type: bool
path:
  description: The file.
  returned: success
  type: str
  sample: /var/lib/nova/instances/.stackmove-6d696772-6174-4e00-8b6d-6f7665210001
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._host import instance_dir, nova_conf, params

SPEC: dict[str, Any] = {
    "token": {"type": "str", "required": True, "no_log": False},
    "state": {"type": "str", "required": True, "choices": ["present", "absent", "seen"]},
    **params.LIBVIRT_OPTIONS,
}


def work(module: AnsibleModule) -> dict[str, Any]:
    """Write, look for or remove the file, and return the module's result."""
    given = module.params
    probe = instance_dir.StorageProbe(nova_conf.read(given["nova_conf"]).instances_path, given["token"])
    seen = probe.seen()
    wanted = {"present": True, "absent": False, "seen": seen}[given["state"]]
    if given["state"] != "seen" and not module.check_mode:
        if wanted:
            probe.write()
        else:
            probe.remove()
    path = str(probe.path)
    return {
        "changed": wanted != seen,
        "seen": seen,
        "path": path,
        "diff": {"before": {path: seen}, "after": {path: wanted}},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    run_module(module, work, {})


if __name__ == "__main__":
    main()
