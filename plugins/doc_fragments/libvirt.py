# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that runs on a hypervisor; the argument spec is LIBVIRT_OPTIONS in _host/params.py."""

    DOCUMENTATION = r"""
options:
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
requirements:
  - libvirt's module for Python
  - lxml
"""
