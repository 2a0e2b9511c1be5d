#!/usr/bin/python3
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render trees of Jinja templates into the file systems of all lab hosts at once.

An Ansible task for each of a hundred files would take longer than the whole cloud takes to start.

The description comes as JSON on standard input::

    {"templates": "/…/templates", "variables": {…},
     "hosts": {"compute11": {"target": "/…/merged", "trees": ["common", "compute"], "variables": {…},
                             "masked": ["nova-api.service"], "enabled": ["nova-conductor@cell1.service"]}}}

``<tree>/<path>.j2`` becomes ``<target>/<path>``. A template whose first line is a comment such as
``{# owner=root group=nova mode=0640 #}`` sets who may read the file; else a file keeps what it has.
Units in ``masked`` can't start on that host. Prints ``host: path`` for each file that changed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jinja2

HEADER = re.compile(r"\A\{#-?((?: \w+=\w+)+) -?#\}")


def ids(target: Path, database: str) -> dict[str, int]:
    """Read the names and numeric ids from the host's own passwd or group file."""
    lines = (target / "etc" / database).read_text().splitlines()
    return {line.split(":")[0]: int(line.split(":")[2]) for line in lines}


def write(path: Path, text: str, access: dict[str, str], target: Path) -> bool:
    """Write the file if it differs, in place or whole, and set its owner and mode; tell if it changed."""
    data = text.encode()
    changed = not path.is_file() or path.is_symlink() or path.read_bytes() != data
    if changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o7777 if path.is_file() and not path.is_symlink() else 0o644
        owner = path.stat() if path.is_file() and not path.is_symlink() else None
        partial = path.with_name(f"{path.name}.partial")
        partial.touch(mode=0o600)
        partial.write_bytes(data)
        if owner:
            os.chown(partial, owner.st_uid, owner.st_gid)
        partial.chmod(mode)
        partial.replace(path)
    status = path.stat()
    uid = ids(target, "passwd")[access["owner"]] if "owner" in access else status.st_uid
    gid = ids(target, "group")[access["group"]] if "group" in access else status.st_gid
    if (uid, gid) != (status.st_uid, status.st_gid):
        os.chown(path, uid, gid)
        changed = True
    mode = int(access["mode"], 8) if "mode" in access else status.st_mode & 0o7777
    if mode != path.stat().st_mode & 0o7777:
        path.chmod(mode)
        changed = True
    return changed


def mask(target: Path, unit: str) -> bool:
    """Mask a systemd unit; tell if it was not yet."""
    link = target / "etc/systemd/system" / unit
    if link.is_symlink() and os.readlink(link) == "/dev/null":
        return False
    link.unlink(missing_ok=True)
    link.symlink_to("/dev/null")
    return True


def enable(target: Path, unit: str) -> bool:
    """Have systemd start a unit at boot; tell if it did not yet."""
    link = target / "etc/systemd/system/multi-user.target.wants" / unit
    name, at, _instance = unit.partition("@")
    source = f"{name}@.service" if at else unit
    where = "/etc/systemd/system" if (target / "etc/systemd/system" / source).exists() else "/lib/systemd/system"
    wanted = f"{where}/{source}"
    if link.is_symlink() and os.readlink(link) == wanted:
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(wanted)
    return True


def render(spec: dict[str, Any]) -> list[str]:
    """Bring every host's files to what the templates say."""
    templates = Path(spec["templates"])
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    changed: list[str] = []
    for host, description in spec["hosts"].items():
        target = Path(description["target"])
        variables = {**spec["variables"], **description["variables"]}
        for tree in description["trees"]:
            for source in sorted((templates / tree).rglob("*.j2")):
                name = source.relative_to(templates / tree).with_suffix("")
                header = HEADER.match(source.read_text())
                access = dict(word.split("=") for word in header[1].split()) if header else {}
                template = environment.get_template(str(source.relative_to(templates)))
                if write(target / name, template.render(variables), access, target):
                    changed.append(f"{host}: /{name}")
        changed += [f"{host}: {unit} enabled" for unit in description["enabled"] if enable(target, unit)]
        changed += [f"{host}: {unit} masked" for unit in description["masked"] if mask(target, unit)]
    return changed


if __name__ == "__main__":
    print("\n".join(render(json.load(sys.stdin))))
