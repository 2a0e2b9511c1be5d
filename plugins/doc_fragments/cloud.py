# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The way into the cloud's APIs; the argument spec is CLOUD_OPTIONS in module_utils/_cloud/session.py."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of the operator's entry in C(clouds.yaml). The user needs the role C(admin), since servers, ports and
        volumes of all projects are moved.
      - C(clouds.yaml) is looked for where openstacksdk does; the environment variable E(OS_CLIENT_CONFIG_FILE) names
        another.
      - The environment variable E(OS_CLOUD) names it where this option is not set.
    type: str
  service_cloud:
    description:
      - Name of an entry in C(clouds.yaml) whose user has the role C(service), as Nova's own user does.
      - Its token goes with each request as C(X-Service-Token). Cinder demands one before it deletes an attachment
        that is connected (CVE-2023-2088); nothing else needs it.
    type: str
requirements:
  - openstacksdk >= 1.0.0
"""
