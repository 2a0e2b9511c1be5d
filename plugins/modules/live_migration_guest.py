#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: live_migration_guest
short_description: Destroy the guest of a deleted server where a live migration has brought it
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Switches the guest off and undefines it, on the host to which it was migrated live. It may run nowhere else, and
    what it has in memory is lost.
  - It must be known that its server is gone (RV(stackmove.nova.live_migration_info#module:gone)). That is not asked
    here; but only a guest for which this migration has made the folder on this host is touched.
  - The folder stays. M(stackmove.nova.destination_guest) removes it, with
    O(stackmove.nova.destination_guest#module:state=absent).
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
  - stackmove.nova.libvirt
  - stackmove.nova.host_lock
  - stackmove.nova.nova_move
seealso:
  - module: stackmove.nova.live_migration_info
  - module: stackmove.nova.live_migration_remains
  - module: stackmove.nova.destination_guest
"""

EXAMPLES = r"""
- name: Destroy what nobody owns any more
  when: where.gone
  delegate_to: compute12
  stackmove.nova.live_migration_guest:
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b88
"""

RETURN = r"""
guest_state:
  description: The guest's state before; V(absent) where there was none.
  returned: success
  type: str
  sample: running
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._host import instance_dir, lock, nova_conf, params
from ansible_collections.stackmove.nova.plugins.module_utils._host.destination import ROLE
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest


def require_ours(server: str, note: dict[str, Any] | None, migration: str) -> None:
    """Refuse a guest that this migration has not brought.

    :param note: that of the server's folder on this host
    :raises ConflictError: there is none, or it is not of this live migration
    """
    found = note or {}
    if (found.get("role"), found.get("migration"), bool(found.get("live"))) == (ROLE, migration, True):
        return
    raise ConflictError(
        f"destroy the guest of server {server}",
        "no note in its folder on this host says that this live migration has brought it.",
        "See whose it is. If it is a leftover, destroy and undefine it by hand (virsh).",
    )


def destroy(guest: Guest, given: dict[str, Any], check_mode: bool) -> str:
    """Destroy the guest, if there is one, and return the state in which it was."""
    found = guest.state()
    if found == "absent":
        return found
    path = instance_dir.path_of(nova_conf.read(given["nova_conf"]).instances_path, guest.uuid)
    require_ours(guest.uuid, instance_dir.InstanceDir(path).note.read(), given["migration"])
    if not check_mode:
        guest.destroy()
        guest.undefine(keep_state=False)
    return found


def work(module: AnsibleModule) -> dict[str, Any]:
    given = module.params
    with connect(given["libvirt_uri"]) as connection:
        guest = Guest(connection, given["server"])
        if module.check_mode:
            found = destroy(guest, given, True)
        else:
            with lock.held(guest.uuid, given["lock_timeout_s"]):
                found = destroy(guest, given, False)
    diff = {"before": {"guest": found}, "after": {"guest": "absent"}}
    return {"changed": found != "absent", "guest_state": found, "diff": diff}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "migration": {"type": "str", "required": True},
            **params.LOCK_OPTIONS,
            **params.LIBVIRT_OPTIONS,
        },
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
