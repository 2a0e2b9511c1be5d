# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of the same name, and shows meanwhile how far the migration is."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import progress

_POLL_S = 0.5
# Without a record to look at, as while it is prepared, the module itself is asked: that costs more.
_ASK_EVERY_POLLS = 10
_SILENT_S = 120.0
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
        result = self._watch(str(job), task_vars)
        self._ask(str(job), "cleanup", task_vars)
        return {key: value for key, value in result.items() if key not in _OF_ASYNC}

    def _start(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        self._task.async_val = _A_WEEK_S
        try:
            started: dict[str, Any] = self._execute_module(task_vars=task_vars, wrap_async=True)
        finally:
            self._task.async_val = 0
        return started

    def _watch(self, job: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        polls, answered = 0, time.monotonic()
        while True:
            time.sleep(_POLL_S)
            polls += 1
            try:
                record = self._record()
                # A record that is gone tells that the module is at its end.
                if polls % _ASK_EVERY_POLLS == 0 or not record:
                    result = self._ask(job, "status", task_vars)
                    if result.get("finished"):
                        return result
                answered = time.monotonic()
            except AnsibleConnectionFailure as error:
                if time.monotonic() - answered > _SILENT_S:
                    raise
                self._say(f"the host does not answer, the migration goes on: {error}")
                continue
            if record and record != shown:
                shown = record
                self._say(progress.line(record))

    def _record(self) -> dict[str, Any]:
        """Return what the host tells of the guest's migration; nothing when there is none."""
        helpers: Any = self  # ansible-core does not annotate them
        found = helpers._low_level_execute_command(f"cat {progress.FOLDER}/*.progress.json 2>/dev/null || true")
        records = [progress.read(text) for text in str(found.get("stdout", "")).splitlines()]
        domain = self._task.args.get("domain")
        return next((record for record in records if domain in (record.get("uuid"), record.get("name"))), {})

    def _ask(self, job: str, mode: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        helpers: Any = self
        folder = helpers.get_shell_option("async_dir", default="~/.ansible_async")
        answer: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.async_status",
            module_args={"jid": job, "mode": mode, "_async_dir": folder},
            task_vars=task_vars,
        )
        return answer

    def _say(self, text: str) -> None:
        Display().display(f"[{self._task.args.get('domain')}] {text}")
