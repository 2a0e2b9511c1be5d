# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host sees of another to which a guest is to be migrated, while nothing is made ready for it there."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import capabilities, migration_checks
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Host


def look(uri: str, guest: str, name: str | None) -> dict[str, Any]:
    """Return how a destination is seen from here; why it is not is an answer.

    No port of its QEMU is tried: one that waits there for another guest would take that for the guest.

    :param guest: the guest's uuid
    :param name: the guest's name, None where libvirt here does not have it
    """
    seen = {"refusal": "", "hostname": "", "host_uuid": "", "is_resolved": False, "name_taken_by": ""}
    try:
        with ExitStack() as stack:
            connection = Host(uri, stack).connection()
            described = capabilities.describe(connection)
            seen.update({key: described[key] for key in ("hostname", "host_uuid")})
            if name is not None:
                seen["name_taken_by"] = migration_checks.name_taken_by(connection, name, guest)
    except StackmoveError as error:
        return {**seen, "refusal": error.cause}
    return {**seen, "is_resolved": migration_checks.is_resolved(str(seen["hostname"]))}
