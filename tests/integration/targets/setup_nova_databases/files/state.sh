#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Print where a move is: of cell 1, then of cell 2, vm_state/task_state/hidden and the migration's status; then the cell that
# the server is mapped to. A dash stands for nothing.
#   state.sh FOLDER SERVER MIGRATION
set -euo pipefail
folder=$1 server=$2 migration=$3

query="SELECT CONCAT_WS(' '"
for cell in nova_cell1 nova_cell2; do
  query+=", IFNULL((SELECT CONCAT_WS('/', vm_state, IFNULL(task_state, '-'), hidden)
      FROM $cell.instances WHERE uuid = '$server'), '-')"
  query+=", IFNULL((SELECT status FROM $cell.migrations WHERE uuid = '$migration'), '-')"
done
query+=", (SELECT c.name FROM nova_api.instance_mappings m JOIN nova_api.cell_mappings c ON m.cell_id = c.id
    WHERE m.instance_uuid = '$server'))"
"$(dirname "$0")/mariadb.sh" sql "$folder" --skip-column-names --execute "$query"
