# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by the other tools: where things are, and how a check is run and counted.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=$ROOT/.cache
TREE=$CACHE/ansible_collections/stackmove/nova
RESULTS=$CACHE/results
export ROOT CACHE TREE RESULTS

# Not ansible.cfg alone: the tools are run in other folders too.
export ANSIBLE_COLLECTIONS_PATH=$CACHE
# galaxy-importer, molecule and ansible-test start python tools by name: they have to find ours, and no version manager's
# shims, which stop with an error for each Python that is not the selected one.
PATH=$ROOT/.venv/bin:$CACHE/pythons:$(tr ':' '\n' <<<"$PATH" | grep -v '/shims$' | paste -sd:)
export PATH

# stage NAME: begin the results of a stage; `make test` adds them up.
stage() {
  STAGE=$1
  FAILED=0
  mkdir -p "$RESULTS"
  : >"$RESULTS/$STAGE"
}

# result passed|failed|note NAME
result() {
  printf '%s\t%s\n' "$1" "$2" >>"$RESULTS/$STAGE"
  if [ "$1" = failed ]; then FAILED=1; fi
}

# quietly NAME COMMAND...: run a command, and show its output only when it fails.
quietly() {
  local name=$1 start=$EPOCHREALTIME log status=0
  shift
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  printf '  %-8s%-34s %6.1f s\n' "$(if [ "$status" = 0 ]; then echo ok; else echo FAILED; fi)" "$name" "$(seconds_since "$start")"
  # Of pip, which ansible-test lets talk, only what went wrong.
  if [ "$status" != 0 ]; then grep -vE "$PIP_TALK" "$log" | sed 's/^/    /' || true; fi
  rm -f "$log"
  return "$status"
}
PIP_TALK='^ *(Building|Collecting|Created wheel|Downloading|Installing collected|Looking in|Preparing|Processing|Requirement already'
PIP_TALK+="|Stored in|Successfully|Using cached|WARNING: Location|━)|^  .*: (started|finished with status 'done')"

# check NAME COMMAND...: the same, and count it.
check() {
  if quietly "$@"; then result passed "$1"; else result failed "$1"; fi
}

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# count_junit FOLDER: count the tests in a folder of JUnit reports; none at all is a failure.
count_junit() {
  python "$ROOT/tools/junit.py" "$1" >>"$RESULTS/$STAGE"
  if [ ! -s "$RESULTS/$STAGE" ]; then result failed "no test ran"; fi
  printf '  %s passed, %s failed\n' "$(grep -c ^passed "$RESULTS/$STAGE")" "$(grep -c ^failed "$RESULTS/$STAGE")"
}

# finish: the exit status of the stage.
finish() { return "$FAILED"; }
