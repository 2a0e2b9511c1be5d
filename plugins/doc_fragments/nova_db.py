# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that works on Nova's databases."""

    DOCUMENTATION = r"""
options:
  api_database:
    description:
      - SQLAlchemy URL of Nova's API database, as in C([api_database]connection) of a controller's C(nova.conf).
      - The cells and their databases are found in its C(cell_mappings).
      - TLS is taken from the URL's query (C(ssl_ca), C(ssl_cert), C(ssl_key)).
    type: str
  main_database:
    description:
      - SQLAlchemy URL of C([database]connection) of a controller's C(nova.conf).
      - Needed only where a cell's URL is a template, such as C({scheme}://{username}:{password}@{hostname}/nova_cell2).
    type: str
  cell_databases:
    description:
      - SQLAlchemy URLs by the cell's name, for cells whose database is reached by another address from here.
    type: dict
requirements:
  - PyMySQL >= 1.0.2
"""
