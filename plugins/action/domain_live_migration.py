# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of the same name, and shows meanwhile how far the migration is."""

from __future__ import annotations

import shlex
import time
import uuid
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import progress

_NEXT = "---"
# Waits on the host until the module has ended, or for some seconds: a command over ssh for each look would take time
# from the guests there. While the module runs, the file of its result says that it has started.
_WAIT = """left={tries}; while [ $left -gt 0 ]; do
  left=$((left - 1)); read -r job <{result} || [ "$job" ] || break
  case $job in '{{"started"'*) sleep 0.2 ;; *) break ;; esac
done
cat {folder}/*.progress.json 2>/dev/null; echo {next}; cat {result}"""
_SILENT_S = 120.0
_RETRY_S = 5.0
# The module's defaults
_LOCK_TIMEOUT_S = 300.0
_INTERVAL_S = 5.0
# The module knows its own timeouts: this is none, but Ansible wants one.
_A_WEEK_S = 7 * 24 * 3600
_OF_ASYNC = (
    "ansible_job_id",
    "started",
    "finished",
    "results_file",
    "stdout",
    "stderr",
    "stdout_lines",
    "stderr_lines",
)


def _canonical(domain: str) -> str:
    """Return a uuid as libvirt spells it, and a name as it is."""
    try:
        return str(uuid.UUID(domain))
    except ValueError:
        return domain


class ActionModule(ActionBase):
    """The module works on the source's host by itself, so that it outlives us and the connection."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        if self._task.check_mode:
            checked: dict[str, Any] = self._execute_module(task_vars=task_vars)
            return checked
        started = self._start(task_vars)
        job = started.get("ansible_job_id")
        if started.get("failed") or not job:
            return started
        self._say(f"migrating to {self._task.args.get('destination_uri')}; it goes on if this run is ended")
        results_file = str(started["results_file"])
        self._watch(results_file)
        result = self._result(str(job), task_vars)
        helpers: Any = self  # ansible-core does not annotate them
        helpers._low_level_execute_command(f"rm -f {shlex.quote(results_file)}")
        return {key: value for key, value in result.items() if key not in _OF_ASYNC}

    def _start(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        self._task.async_val = _A_WEEK_S
        try:
            started: dict[str, Any] = self._execute_module(task_vars=task_vars, wrap_async=True)
        finally:
            self._task.async_val = 0
        return started

    def _watch(self, results_file: str) -> None:
        """Show how far the migration is until the module has ended."""
        shown: dict[str, Any] = {}
        answered = told = time.monotonic()
        # It may wait for another that works on the guest, and check everything, before it has something to tell.
        patience_s = _SILENT_S + float(self._task.args.get("lock_timeout_s") or _LOCK_TIMEOUT_S)
        while True:
            try:
                record, ended = self._look(results_file)
                answered = time.monotonic()
            except AnsibleConnectionFailure as error:
                if time.monotonic() - answered > _SILENT_S:
                    raise
                self._say(f"the host does not answer, the migration goes on: {error}")
                time.sleep(_RETRY_S)
                continue
            if record and record != shown:  # one that a killed module has left stays the same
                turn = progress.turn(shown, record)
                shown, told = record, answered
                self._say(progress.line(record))
                if turn:
                    self._say(turn)
            if ended:
                return
            if answered - told > patience_s:
                raise AnsibleActionFail(
                    f"Nothing was heard of the module for {patience_s:.0f} seconds: its host may have been restarted."
                    " Look with domain_migration_control, and run again."
                )

    def _look(self, results_file: str) -> tuple[dict[str, Any], bool]:
        """Return what the host tells of the guest's migration, and whether the module has ended; in one command."""
        tries = max(1, int(float(self._task.args.get("interval_s") or _INTERVAL_S) / 0.2))
        helpers: Any = self
        found = helpers._low_level_execute_command(
            _WAIT.format(tries=tries, result=shlex.quote(results_file), folder=progress.FOLDER, next=_NEXT)
        )
        if found.get("rc"):
            raise AnsibleActionFail(f"Cannot look at {results_file} on the host: {found.get('stderr')}")
        told, _next, result = str(found.get("stdout", "")).partition(_NEXT)
        records = [progress.read(text) for text in told.splitlines()]
        domain = str(self._task.args.get("domain"))
        names = (domain, _canonical(domain))
        record = next((record for record in records if record.get("uuid") in names or record.get("name") in names), {})
        job = progress.read(result)
        return record, bool(job) and ("started" not in job or bool(job.get("finished")))

    def _result(self, job: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        helpers: Any = self
        folder = helpers.get_shell_option("async_dir", default="~/.ansible_async")
        answer: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.async_status",
            module_args={"jid": job, "_async_dir": folder},
            task_vars=task_vars,
        )
        return answer

    def _say(self, text: str) -> None:
        Display().display(f"[{self._task.args.get('domain')}] {text}")
