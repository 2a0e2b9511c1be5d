#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make Nova's databases of two cells in a server that mariadb.sh has started, with the least grants that a move needs.
#   fill.sh FOLDER PORT
set -euo pipefail
folder=$1 port=$2
cd "$(dirname "$0")"

sql() { ./mariadb.sh sql "$folder" --default-character-set=utf8mb4 "$@"; }

sql --execute "CREATE USER stackmove@'127.0.0.1' IDENTIFIED BY 'Sw0rd@fish';
  GRANT SELECT, INSERT, UPDATE, DELETE ON \`nova\\_%\`.* TO stackmove@'127.0.0.1'"
for database in api:api cell:cell1 cell:cell2; do
  schema=${database%:*} name=${database#*:}
  sql --execute "CREATE DATABASE nova_$name CHARACTER SET utf8mb3"
  cat "$schema.sql" "seed_$name.sql" | sed "s/@PORT@/$port/" | sql "nova_$name"
done
