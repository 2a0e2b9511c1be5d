#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Begin to migrate a server, slowly, and kill the run with all that it has started here, when its guest is under way.
#   killed.sh INVENTORY SERVER DESTINATION
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT

setsid ansible-playbook --inventory="$1" stackmove.nova.live_migrate -e "server=$2" -e "destination_host=$3" \
  -e live_transfer_bandwidth_mib=1 >"$log" 2>&1 &
run=$!
for _second in $(seq 120); do
  if grep -q 'migrating to' "$log"; then break; fi
  sleep 1
done
sleep 5
kill -KILL -- -"$run"
grep 'migrating to' "$log"
