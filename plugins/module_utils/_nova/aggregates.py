# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host aggregates of the API database: what their metadata says of hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database

#: The values that a host's aggregates give a key, by key.
Metadata = Mapping[str, frozenset[str]]


def metadata_by_host(api: Database, hosts: Sequence[str]) -> dict[str, Metadata]:
    """The metadata of the aggregates in which each host is; hosts in none are left out.

    Reads ``aggregate_hosts`` by its unique index on host, and ``aggregate_metadata`` by the one on aggregate.

    :raises StackmoveError: the API database refuses
    """
    if not hosts:
        return {}
    found = api.query(
        "SELECT h.host, m.`key`, m.value FROM aggregate_hosts h"
        " JOIN aggregate_metadata m ON m.aggregate_id = h.aggregate_id WHERE h.host IN %s",
        (tuple(hosts),),
    )
    by_host: dict[str, dict[str, frozenset[str]]] = {}
    for row in found:
        of_host = by_host.setdefault(str(row["host"]), {})
        key = str(row["key"])
        of_host[key] = of_host.get(key, frozenset()) | {str(row["value"])}
    return dict(by_host)
