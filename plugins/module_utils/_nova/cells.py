# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cells, and in which of them a server or a host lives (the API database's mappings)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError, StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import (
    Database,
    resolve_template,
)


@dataclass(frozen=True)
class Cell:
    """A row of ``cell_mappings`` with its database URL resolved."""

    id: int
    uuid: str
    name: str
    url: str = field(repr=False)
    disabled: bool = False


class Cells:
    """The API database and, opened when first asked for, the databases of the cells it names."""

    def __init__(
        self,
        api_database: str,
        main_database: str | None = None,
        cell_databases: dict[str, str] | None = None,
    ) -> None:
        """Connect to the API database.

        :param api_database: SQLAlchemy URL of ``nova_api``
        :param main_database: ``[database]connection`` of a controller's ``nova.conf``, which fills
            templated cell URLs
        :param cell_databases: URLs by cell name, for cells which are reached otherwise from here
        """
        self.api = Database(api_database, "nova_api")
        self._main_database = main_database
        self._overrides = cell_databases or {}
        self._open: dict[int, Database] = {}

    def all(self) -> list[Cell]:
        """Every cell but cell0, which never holds a server that runs."""
        rows = self.api.query("SELECT * FROM cell_mappings ORDER BY id")
        cells = []
        for row in rows:
            if row["uuid"] == "00000000-0000-0000-0000-000000000000":
                continue
            name = str(row["name"] or row["uuid"])
            url = self._overrides.get(name) or resolve_template(str(row["database_connection"]), self._main_database)
            cells.append(Cell(int(row["id"] or 0), str(row["uuid"]), name, url, bool(row["disabled"])))
        return cells

    def by_id(self, cell_id: int) -> Cell:
        """The cell with this ``cell_mappings.id``.

        :raises NotFoundError: no cell has it (cell0 included: a server there never ran)
        """
        for cell in self.all():
            if cell.id == cell_id:
                return cell
        raise NotFoundError(
            f"find the cell with id {cell_id}",
            "it is cell0 or was removed.",
            "A server in cell0 was never scheduled and cannot be moved.",
        )

    def by_uuid(self, cell_uuid: str) -> Cell:
        """The cell with this uuid or, for an operator's convenience, this name.

        :raises NotFoundError: no cell has it
        """
        for cell in self.all():
            if cell_uuid in (cell.uuid, cell.name):
                return cell
        raise NotFoundError(
            f"find cell {cell_uuid}",
            "no cell has this uuid or name.",
            "See nova-manage cell_v2 list_cells.",
        )

    def of_server(self, server: str) -> Cell:
        """The cell in which a server lives: ``instance_mappings`` is the authority.

        :raises NotFoundError: the server is unknown, or not yet scheduled to a cell
        """
        rows = self.api.select("instance_mappings", instance_uuid=server)
        if not rows or rows[0]["cell_id"] is None:
            raise NotFoundError(
                f"find the cell of server {server}",
                "it has no instance mapping with a cell.",
                "Check the uuid; a deleted or unscheduled server has none.",
            )
        return self.by_id(int(rows[0]["cell_id"]))

    def of_host(self, host: str) -> Cell:
        """The cell to which a compute host is mapped.

        :raises NotFoundError: the host is in no cell
        """
        rows = self.api.select("host_mappings", host=host)
        if not rows or rows[0]["cell_id"] is None:
            raise NotFoundError(
                f"find the cell of compute host {host}",
                "it has no host mapping.",
                "Check the name, or map it with nova-manage cell_v2 discover_hosts.",
            )
        return self.by_id(int(rows[0]["cell_id"]))

    def database(self, cell: Cell) -> Database:
        """The cell's database, connected once."""
        if cell.id not in self._open:
            self._open[cell.id] = Database(cell.url, cell.name)
        return self._open[cell.id]


def open_cells(params: Mapping[str, Any]) -> Cells:
    """The databases that a module's options name.

    :raises StackmoveError: the API database is not named, or cannot be reached
    """
    if not params["api_database"]:
        raise StackmoveError(
            "find Nova's API database",
            "api_database is not set.",
            "Set the option, best in module_defaults, for group/stackmove.nova.nova_db.",
        )
    return Cells(params["api_database"], params["main_database"], params["cell_databases"])
