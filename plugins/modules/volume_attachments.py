#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume_attachments
short_description: Which host holds the volumes of a server
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Takes a server's Cinder attachments to the state in which one side of a move, its source or its destination, holds
    the volumes, and the other side has them reserved or has let them go; or in which both hold them, for a live
    migration.
  - The calls come in the one order that Cinder allows, and the volumes are attached to the server all the time, so
    that nobody else can take them.
  - Attachments of other servers are never touched, not even of a multi-attach volume.
  - An attachment that was being connected when a run or Cinder died is used by nobody. It is connected again where
    its side is to hold the volume, else replaced; whatever the server has beyond one attachment for each side goes.
  - The result holds secrets, so set C(no_log) on the task.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.cloud
options:
  server:
    description: UUID of the server.
    type: str
    required: true
  volumes:
    description: The volumes.
    type: list
    elements: dict
    required: true
    suboptions:
      volume_id:
        description: UUID of the volume.
        type: str
        required: true
      source_attachment_id:
        description:
          - UUID of the source's attachment, from C(attachment_id) of the block device mapping in the source's cell.
          - Where it no longer exists, a reserved attachment that is not the destination's is taken for it.
        type: str
      destination_attachment_id:
        description: The same of the destination.
        type: str
      mountpoint:
        description: Name of the device in the guest, such as V(/dev/vdb). Cinder records it when it connects.
        type: str
      detached:
        description:
          - Whether the server's user has detached it since the move. What is still reserved of it is then deleted,
            whatever O(held_by) says.
        type: bool
        default: false
      connection_info:
        description: Not used; an entry of an earlier RV(volumes) may be given as it is.
        type: dict
  held_by:
    description:
      - V(source) or V(destination) connects that side's attachments and completes them; those of the other side that
        were connected are replaced by reserved ones. This takes O(service_cloud).
      - V(both) connects the destination beside the source, which must be connected, for a live migration. O(reserve)
        has no meaning then.
    type: str
    choices: [source, destination, both]
    required: true
  reserve:
    description:
      - Whether the side that does not hold the volumes keeps reserved attachments.
      - V(false) deletes them. With O(held_by=source) that takes back what a move has prepared, with
        O(held_by=destination) it is part of the move's confirmation. What the server's user has detached since is then
        let go.
    type: bool
    default: true
  connector:
    description:
      - The volume connector of the host that is to hold the volumes, as
        RV(stackmove.nova.hypervisor_info#module:connector) has it.
      - Needed when something has to be connected.
    type: dict
  source_host:
    description: Nova's name of the source.
    type: str
  destination_host:
    description: Nova's name of the destination.
    type: str
seealso:
  - module: stackmove.nova.port_bindings
  - module: stackmove.nova.hypervisor_info
  - name: Cinder, attachments
    description: How Cinder means them to be used.
    link: https://docs.openstack.org/cinder/latest/contributor/attach_detach_conventions_v2.html
"""

EXAMPLES = r"""
- name: Reserve the volumes for the destination while the source holds them
  stackmove.nova.volume_attachments:
    cloud: production
    server: 7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55
    volumes:
      - volume_id: 3f0a9c62-5d7b-4a53-a3f1-8f6f4be6a7c9
        source_attachment_id: 5b0c6f6a-3a2f-4a39-8a4a-6cb1d6f8d0f2
    held_by: source
  no_log: true

- name: Give the volumes to the destination
  stackmove.nova.volume_attachments:
    cloud: production
    service_cloud: production-service
    server: 7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55
    volumes:
      - volume_id: 3f0a9c62-5d7b-4a53-a3f1-8f6f4be6a7c9
        source_attachment_id: 5b0c6f6a-3a2f-4a39-8a4a-6cb1d6f8d0f2
        destination_attachment_id: 0d4b3f7e-7e21-4d83-9b6c-0e4f5ad1c3b8
        mountpoint: /dev/vdb
    held_by: destination
    connector: "{{ destination.connector }}"
    source_host: compute11
    destination_host: compute21
  no_log: true
"""

RETURN = r"""
volumes:
  description:
    - The volumes in the order of O(volumes), as they are afterwards; in check mode, as they are.
    - Those that were detached are left out.
  returned: success
  type: list
  elements: dict
  contains:
    volume_id:
      description: UUID of the volume.
      type: str
    source_attachment_id:
      description: UUID of the source's attachment, or null if it has none.
      type: str
    destination_attachment_id:
      description: UUID of the destination's attachment, or null if it has none.
      type: str
    mountpoint:
      description: Name of the device in the guest, as it was given.
      type: str
    connection_info:
      description:
        - How the holder reaches the volume, in the shape that Nova stores in C(block_device_mapping.connection_info);
          with O(held_by=both), the destination. Null if nobody holds it.
        - It may contain secrets.
      type: dict
source_volumes:
  description:
    - With O(held_by=both), the volumes with their C(connection_info) as the source reaches them, for
      O(stackmove.nova.source_guest#module:volumes). Else empty.
  returned: success
  type: list
  elements: dict
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["create the source's attachment of volume 3f0a9c62-5d7b-4a53-a3f1-8f6f4be6a7c9"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import volumes
from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
    has_service_token,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    server, connector = params["server"], params["connector"]
    # What an earlier call has returned may be given as it is.
    wanted = [
        volumes.WantedVolume(**{key: value for key, value in entry.items() if key != "connection_info"})
        for entry in params["volumes"]
    ]
    holding = volumes.Holding(
        params["held_by"],
        params["reserve"],
        {"source": params["source_host"], "destination": params["destination_host"]},
    )
    conn = connect(params["cloud"], params["service_cloud"])

    found = [volumes.observe(conn, server, entry, holding) for entry in wanted]
    plans = [volumes.plan_volume(entry, sides, holding) for entry, sides in zip(wanted, found)]
    changes = [change for plan in plans for change in plan.changes]
    volumes.check_means(changes, holding, connector, has_service_token(conn))

    results, at_source = [], []
    for entry, sides, plan in zip(wanted, found, plans):
        ids, answer = volumes.ids_of(sides), None
        if not module.check_mode:
            ids, answer = volumes.apply_plan(conn, server, entry, plan, connector)
        if entry.detached:
            continue
        results.append(
            {
                "volume_id": entry.volume_id,
                "source_attachment_id": ids["source"],
                "destination_attachment_id": ids["destination"],
                "mountpoint": entry.mountpoint,
                "connection_info": volumes.holders_connection(
                    conn, entry.volume_id, ids.get(holding.taker), answer, sides.multiattach
                ),
            }
        )
        if holding.held_by == "both":
            info = volumes.holders_connection(conn, entry.volume_id, ids["source"], None, sides.multiattach)
            at_source.append({"volume_id": entry.volume_id, "connection_info": info})
    return {
        "changed": bool(changes),
        "volumes": results,
        "source_volumes": at_source,
        "actions": [str(change) for change in changes],
        "diff": {
            "before": {entry.volume_id: sides.describe() for entry, sides in zip(wanted, found)},
            "after": {entry.volume_id: plan.describe() for entry, plan in zip(wanted, plans)},
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CLOUD_OPTIONS,
            "server": {"type": "str", "required": True},
            "volumes": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "volume_id": {"type": "str", "required": True},
                    "source_attachment_id": {"type": "str"},
                    "destination_attachment_id": {"type": "str"},
                    "mountpoint": {"type": "str"},
                    "detached": {"type": "bool", "default": False},
                    "connection_info": {"type": "dict"},
                },
            },
            "held_by": {"type": "str", "choices": ["source", "destination", "both"], "required": True},
            "reserve": {"type": "bool", "default": True},
            "connector": {"type": "dict"},
            "source_host": {"type": "str"},
            "destination_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
