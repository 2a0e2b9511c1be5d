#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_migration_control
short_description: Look at, hasten, force or abort the live migration of a libvirt guest
version_added: 0.1.0
description:
  - Works on a migration under way, whoever has started it. Runs on the host that the guest leaves, as root.
  - Without a migration, or without such a guest, it changes nothing.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
  - stackmove.nova.libvirt
options:
  domain:
    description:
      - The guest's uuid or name.
    type: str
    required: true
  state:
    description:
      - V(seen) tells how far it is.
      - V(forced) has it end soon. Where it was begun with O(stackmove.nova.domain_live_migration#module:post_copy), the
        guest goes on at the destination at once. Otherwise it is paused until it has arrived; and if it does not
        arrive, the run that watches the migration lets it go on at its source.
      - V(aborted) has the guest stay, and waits until the migration has ended, and the module with it that has begun
        it. After a switch to post-copy that is refused.
    type: str
    choices: [seen, forced, aborted]
    default: seen
  bandwidth_mib:
    description:
      - A new limit of what is sent, in MiB/s.
    type: int
  downtime_ms:
    description:
      - For how many milliseconds the guest may be paused in the end. A run of M(stackmove.nova.domain_live_migration)
        that watches sets its own again with its next step.
    type: int
  timeout_s:
    description:
      - Seconds to wait for the end of a migration that was aborted.
    type: int
    default: 120
notes:
  - O(nova_conf) is an option so that the action group can be given it. It is not read.
seealso:
  - module: stackmove.nova.domain_live_migration
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Look how far it is
  stackmove.nova.domain_migration_control:
    domain: web1
  register: migration

- name: Let it use all of the network
  stackmove.nova.domain_migration_control:
    domain: web1
    bandwidth_mib: 1000

- name: Leave the guest where it is
  stackmove.nova.domain_migration_control:
    domain: web1
    state: aborted
"""

RETURN = r"""
uuid:
  description: The guest's uuid; V(null) when a name was given, and there is no such guest.
  returned: success
  type: str
under_way:
  description: Whether it is being migrated from here now.
  returned: success
  type: bool
post_copy:
  description: Whether it runs at the destination already, while its memory follows.
  returned: success
  type: bool
guest_state:
  description: How the guest is on this host.
  returned: success
  type: str
  sample: running
steps:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [force]
progress:
  description:
    - What libvirt tells of the migration, sizes in bytes, rates in bytes per second. V(null) when none is under way.
  returned: success
  type: dict
  sample:
    elapsed_s: 12.5
    memory_total: 4312272896
    memory_remaining: 536870912
    memory_processed: 3775401984
    memory_rate: 104857600
    dirty_rate: 20971520
    iteration: 2
    disk_total: 0
    disk_remaining: 0
    disk_rate: 0
    expected_downtime_ms: 900
    throttle_percent: 0
    post_copy_requests: 0
"""

from contextlib import ExitStack
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._host import lock, params
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_hosts
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_control import Control

SPEC: dict[str, Any] = {
    "domain": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["seen", "forced", "aborted"], "default": "seen"},
    "bandwidth_mib": {"type": "int"},
    "downtime_ms": {"type": "int"},
    "timeout_s": {"type": "int", "default": 120},
    **params.LIBVIRT_OPTIONS,
}
ABSENT: dict[str, Any] = {
    "under_way": False,
    "post_copy": False,
    "guest_state": "not there",
    "steps": [],
    "progress": None,
}


def work(module: AnsibleModule) -> dict[str, Any]:
    """Do what is wanted, and return the module's result."""
    given = module.params
    with ExitStack() as stack:
        source = migration_hosts.Host(given["libvirt_uri"], stack)
        try:
            uuid = migration_hosts.uuid_of(given["domain"], [(source, given["domain"])])
        except NotFoundError:
            return {"changed": False, "uuid": None, **ABSENT}
        result = Control(source, uuid, lock.held).run(given, module.check_mode)
    return {**result, "diff": {"before": {"steps": []}, "after": {"steps": result["steps"]}}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    run_module(module, work, {})


if __name__ == "__main__":
    main()
