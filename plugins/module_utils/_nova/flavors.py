# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flavors of the API database, as documents like those that a server carries along."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row


@dataclass(frozen=True)
class Flavor:
    """A flavor's id in the API database and its document."""

    id: int
    document: objects.Document


def stored_flavor(cells: Cells, cell: Cell, server: str) -> objects.Document:
    """The flavor that a server has now.

    :raises NotFoundError: the cell does not hold the server
    """
    extra = cells.database(cell).one("instance_extra", instance_uuid=server, deleted=0)
    current: objects.Document = objects.stored_flavors(str(extra["flavor"]))["cur"]
    return current


def new_flavor(cells: Cells, cell: Cell, server: str, name: str | None) -> Flavor | None:
    """The flavor for a resize; None when *name* is empty.

    :param cell: the cell whose copy of the server tells how its flavors are stored
    :param name: name or flavor id
    :raises NotFoundError: there is no such flavor
    """
    if not name:
        return None
    found = cells.api.select("flavors", name=name) or cells.api.select("flavors", flavorid=name)
    if not found:
        raise NotFoundError(
            f"find flavor {name}", "there is none of this name or id.", "See openstack flavor list --all."
        )
    return _flavor(cells, cell, server, found[0])


def flavor_of_resize(cells: Cells, cell: Cell, server: str, migration: Row) -> Flavor | None:
    """The new flavor of a resize under way; None when it is a cold migration, or the flavor was deleted since."""
    if migration["migration_type"] != "resize":
        return None
    found = cells.api.select("flavors", id=migration["new_instance_type_id"])
    return _flavor(cells, cell, server, found[0]) if found else None


def _flavor(cells: Cells, cell: Cell, server: str, row: Row) -> Flavor:
    flavor_id = int(row["id"] or 0)
    specs = {
        str(spec["key"]): str(spec["value"]) for spec in cells.api.select("flavor_extra_specs", flavor_id=flavor_id)
    }
    return Flavor(flavor_id, objects.flavor_object(stored_flavor(cells, cell, server), row, specs))
