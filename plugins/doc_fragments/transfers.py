# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """A guest's disks on their way through Glance; the argument spec is TRANSFER_OPTIONS in _host/params.py."""

    DOCUMENTATION = r"""
options:
  transfers:
    description:
      - The guest's local disks and the images for their bytes, as
        RV(stackmove.nova.transfer_images#module:transfers) or RV(stackmove.nova.source_guest#module:disks) has them.
      - A qcow2 disk travels as one flat qcow2 image without a backing file, any other as it is.
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
          - The image's format. It is never guessed from the bytes.
        type: str
        choices: [qcow2, raw]
        required: true
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
requirements:
  - requests
"""
