# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_the_urls_of_a_controller(tmp_path: Path, run: Run) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(
        "[DEFAULT]\ntransport_url = rabbit://x\n[database]\nconnection = mysql+pymysql://nova:p%40ss@db/nova_cell0\n"
        "[api_database]\nconnection=mysql+pymysql://nova:p%40ss@db/nova_api?charset=utf8\n"
    )
    assert run({"path": str(conf)}) == {
        "changed": False,
        "api_database": "mysql+pymysql://nova:p%40ss@db/nova_api?charset=utf8",
        "main_database": "mysql+pymysql://nova:p%40ss@db/nova_cell0",
        "invocation": {"module_args": {"path": str(conf)}},
    }


def test_a_compute_host_has_none(tmp_path: Path, run: Run) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[DEFAULT]\nhost = compute1\n")
    message = run({"path": str(conf)})["msg"]
    assert "it has no [api_database]connection and no [database]connection" in message


def test_there_is_no_such_file(tmp_path: Path, run: Run) -> None:
    message = run({"path": str(tmp_path / "nowhere")})["msg"]
    assert message.startswith(f"Failed to read {tmp_path}/nowhere: No such file or directory. Remedy: ")
