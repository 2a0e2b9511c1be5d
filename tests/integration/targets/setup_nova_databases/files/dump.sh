#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Print rows with the names of their columns, so that two databases can be compared by their text: what the modules
# do is checked by other means than their own.
#   dump.sh FOLDER server UUID DATABASE [COLUMN...]   a server's live rows; without ids, hidden and the named columns
#   dump.sh FOLDER all DATABASE                       every row of every table
#   dump.sh FOLDER sums DATABASE...                   a checksum of every table: far quicker
set -euo pipefail
folder=$1 what=$2
shift 2

sql() { "$(dirname "$0")/mariadb.sh" sql "$folder" --default-character-set=utf8mb4 --batch "$@"; }

# rows TABLE CONDITION [COLUMN...]: those that match, as JSON objects of what is not NULL, without the named columns.
rows() {
  local table=$1 condition=$2 members
  shift 2
  members=$(sql --skip-column-names --execute "
    SET group_concat_max_len = 1000000;
    SELECT GROUP_CONCAT(CONCAT('IF(t.\`', column_name, '\` IS NULL, '''', CONCAT(''\n  $table.', column_name,
      ' = '', QUOTE(t.\`', column_name, '\`)))') ORDER BY column_name SEPARATOR ',')
    FROM information_schema.columns
    WHERE table_schema = '$database' AND table_name = '$table'
      AND NOT FIND_IN_SET(column_name, '$(IFS=,; echo "$*")')")
  if [ "$members" != NULL ]; then
    sql --skip-column-names --raw --execute "
      SELECT CONCAT($members) AS line FROM \`$database\`.\`$table\` t WHERE $condition ORDER BY line"
  fi
}

case $what in
  server)
    uuid=$1 database=$2
    shift 2
    ids=(id hidden compute_id dest_compute_id migration_context "$@")
    for table in instances:uuid instance_extra:instance_uuid instance_info_caches:instance_uuid \
      instance_metadata:instance_uuid instance_system_metadata:instance_uuid instance_faults:instance_uuid \
      instance_id_mappings:uuid block_device_mapping:instance_uuid virtual_interfaces:instance_uuid \
      migrations:instance_uuid instance_actions:instance_uuid; do
      rows "${table%:*}" "t.${table#*:} = '$uuid' AND t.deleted = 0" "${ids[@]}"
    done
    rows tags "t.resource_id = '$uuid'"
    # Of an event, which action it belongs to, by what an action is known by in every cell.
    sql --skip-column-names --raw --execute "
      SELECT CONCAT_WS(' ', a.request_id, a.action, e.event, e.start_time, e.finish_time, e.result, e.host, e.traceback)
      FROM \`$database\`.instance_actions a JOIN \`$database\`.instance_actions_events e ON e.action_id = a.id
      WHERE a.instance_uuid = '$uuid' ORDER BY 1"
    ;;
  all)
    database=$1
    for table in $(sql --skip-column-names --execute "
        SELECT table_name FROM information_schema.tables WHERE table_schema = '$database' ORDER BY 1"); do
      rows "$table" TRUE
    done
    ;;
  sums)
    tables=$(sql --skip-column-names --execute "
      SELECT GROUP_CONCAT(table_schema, '.', table_name ORDER BY table_schema, table_name) FROM information_schema.tables
      WHERE FIND_IN_SET(table_schema, '$(IFS=,; echo "$*")')")
    sql --skip-column-names --execute "CHECKSUM TABLE $tables EXTENDED"
    ;;
esac
