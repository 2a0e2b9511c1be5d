# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What every module says of itself: check mode, diff mode, platform; and the action group it is in."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, or would be changed in check mode, when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: full
  platform:
    description: Target operating systems that the module can be run against.
    platforms: posix
    support: full
"""

    # Read-only modules.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    description: Returns details on what has changed, or would be changed in check mode, when in diff mode.
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    description: When run twice in a row with the same arguments, the second invocation indicates no change.
    support: full
    details:
      - This module changes nothing.
  platform:
    description: Target operating systems that the module can be run against.
    platforms: posix
    support: full
"""

    ACTIONGROUP_CLOUD = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/stackmove.nova.cloud) in C(module_defaults) to set the options O(cloud) and
      O(service_cloud) of all modules that talk to the cloud's APIs.
    support: full
    membership:
      - stackmove.nova.cloud
"""

    ACTIONGROUP_NOVA_DB = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/stackmove.nova.nova_db) in C(module_defaults) to set the options of the connection to
      Nova's databases for all modules that work on them.
    support: full
    membership:
      - stackmove.nova.nova_db
"""

    ACTIONGROUP_LIBVIRT = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/stackmove.nova.libvirt) in C(module_defaults) to set common options of all modules that
      run on a hypervisor.
    support: full
    membership:
      - stackmove.nova.libvirt
"""
