#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: transfer_images
short_description: Glance images by which a server's disks travel
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Makes an empty private image for each disk of a moving server, for the source to write and the destination to
    read, and deletes them afterwards.
  - They are found again by their properties C(stackmove_migration_uuid) and C(stackmove_disk). An image whose bytes
    are there already stays; one that can no longer be written is replaced.
  - With O(state=present) and without O(images), it does nothing but return Glance's endpoint and a token.
  - The result holds a token, so set C(no_log) on the task.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.cloud
options:
  migration:
    description: UUID of the migration that names the move.
    type: str
    required: true
  images:
    description: The images that O(state=present) makes. The move's images of other disks stay.
    type: list
    elements: dict
    default: []
    suboptions:
      disk:
        description: The disk as its file is called, such as V(disk) or V(disk.config).
        type: str
        required: true
      name:
        description: Name of the image.
        type: str
        required: true
      disk_format:
        description: Format of the bytes that are going to be written.
        type: str
        choices: [qcow2, raw]
        required: true
      properties:
        description:
          - Further properties, such as those of the image that the server was made of.
          - What a snapshot of Nova's would not inherit of them, such as a signature, is left out.
        type: dict
        default: {}
  nova_image:
    description:
      - With O(state=absent), the image that Nova has made is deleted as well. A conductor of Nova's that dies over a
        move leaves it.
    type: dict
    suboptions:
      server:
        description: UUID of the server, which is the image's property C(instance_uuid).
        type: str
        required: true
      name:
        description: Name of the image, which Nova makes of the server's.
        type: str
        required: true
      since:
        description: When the move began, as Glance writes it. An older image stays.
        type: str
        required: true
  state:
    description: V(absent) deletes all images of the move.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: stackmove.nova.source_guest
  - module: stackmove.nova.destination_guest
"""

EXAMPLES = r"""
- name: Make the image for the root disk
  stackmove.nova.transfer_images:
    cloud: production
    migration: 2e7e0a0d-0b8c-4a47-b7a1-5f0f8a1f1f7a
    images:
      - disk: disk
        name: web1-resize-temp
        disk_format: qcow2
  no_log: true

- name: Delete what is left
  stackmove.nova.transfer_images:
    cloud: production
    migration: 2e7e0a0d-0b8c-4a47-b7a1-5f0f8a1f1f7a
    state: absent
"""

RETURN = r"""
images:
  description:
    - The images by disk, as they are afterwards; in check mode, those that exist.
    - Each has C(id), C(name), C(status) (V(queued) until its bytes are written, then V(active)), C(disk_format), and
      once it is written C(size) in bytes and the checksum of the bytes as Glance has received them, C(os_hash_algo) and
      C(os_hash_value).
  returned: success
  type: dict
  sample:
    disk:
      disk: disk
      id: 0f2a8f1c-8f6e-4d6e-9d3d-1c8f7c0d5b1e
      name: web1-resize-temp
      status: queued
      size: null
      os_hash_algo: null
      os_hash_value: null
      disk_format: qcow2
transfers:
  description:
    - The same in the order of O(images), as M(stackmove.nova.source_guest) and M(stackmove.nova.destination_guest)
      take it.
    - In check mode, those that exist.
  returned: success
  type: list
  elements: dict
  contains:
    disk:
      description: The disk as its file is called.
      type: str
    image_id:
      description: UUID of its image.
      type: str
    disk_format:
      description: Format of the bytes.
      type: str
    sha512:
      description: Checksum of the bytes as Glance has received them, or null until they are written.
      type: str
    size_bytes:
      description: How many there are, or null until they are written.
      type: int
    virtual_size_bytes:
      description: Size of the disk in them, or null if Glance does not know it.
      type: int
endpoint:
  description: URL of Glance's API, for the hosts.
  returned: O(state=present)
  type: str
  sample: https://glance.example.org/v2
token:
  description: A token of O(cloud)'s user, for the hosts. It expires as soon as Keystone lets tokens expire.
  returned: O(state=present)
  type: str
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["create the image of disk"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import images
from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
    endpoint,
    new_token,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    migration, state = params["migration"], params["state"]
    wanted = [images.WantedImage(**entry) for entry in params["images"]]
    images.check_names(wanted)
    conn = connect(params["cloud"], params["service_cloud"])

    found = images.transfer_images(conn, migration)
    if state == "absent" and params["nova_image"]:
        found += images.nova_images(conn, images.NovaImage(**params["nova_image"]))
    changes, kept = images.plan_images(wanted, found, state)
    created: dict[str, Any] = {}
    if not module.check_mode:
        created = images.apply_images(conn, changes, wanted, migration)
    present = {**kept, **created}
    result = {
        "changed": bool(changes),
        "images": {disk: images.public(entry) for disk, entry in present.items()},
        "transfers": [images.transfer(present[entry.disk]) for entry in wanted if entry.disk in present],
        "actions": [str(change) for change in changes],
        "diff": {
            "before": images.described(found),
            "after": images.described(found, changes),
        },
    }
    if state == "present":
        result.update(endpoint=endpoint(conn, "image", "v2"), token=new_token(conn))
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CLOUD_OPTIONS,
            "migration": {"type": "str", "required": True},
            "images": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "disk": {"type": "str", "required": True},
                    "name": {"type": "str", "required": True},
                    "disk_format": {"type": "str", "choices": ["qcow2", "raw"], "required": True},
                    "properties": {"type": "dict", "default": {}},
                },
            },
            "nova_image": {
                "type": "dict",
                "options": {name: {"type": "str", "required": True} for name in ("server", "name", "since")},
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
