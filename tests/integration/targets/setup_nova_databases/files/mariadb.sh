#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A MariaDB server of one's own, in a folder, on a socket and a free port of 127.0.0.1.
#   mariadb.sh start FOLDER [OPTION...]   prints its port
#   mariadb.sh sql FOLDER [ARGUMENT...]   runs the client on it, as root
#   mariadb.sh stop FOLDER                and the folder is gone
set -euo pipefail

client() { mariadb --no-defaults --socket="$folder/socket" --user=root "$@"; }

start() {
  local port
  mkdir -p "$folder"
  mariadb-install-db --no-defaults --datadir="$folder/data" --user="$(id -un)" --skip-test-db \
    --auth-root-authentication-method=normal >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  # Nova's databases are run with this isolation and this mode, which are the server's defaults.
  setsid mariadbd --no-defaults --datadir="$folder/data" --socket="$folder/socket" --pid-file="$folder/pid" \
    --bind-address=127.0.0.1 --port="$port" --user="$(id -un)" --skip-name-resolve "$@" \
    >>"$folder/log" 2>&1 </dev/null &
  for _ in {1..150}; do
    if client --execute='DO 1' 2>/dev/null; then
      echo "$port"
      return
    fi
    sleep 0.1
  done
  tail -n 20 "$folder/log" >&2
  exit 1
}

stop() {
  if [ -e "$folder/pid" ]; then
    local pid
    pid=$(<"$folder/pid")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
  rm -rf -- "$folder"
}

verb=$1
folder=$2
shift 2
case $verb in
  start) start "$@" ;;
  sql) client "$@" ;;
  stop) stop ;;
  *) sed -n '/^#   /p' "$0" >&2 && exit 2 ;;
esac
