# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render trees of Jinja templates into the file systems of all lab hosts at once.

An Ansible task for each of a hundred files would take longer than the whole cloud takes to start.

The description comes as JSON on standard input::

    {"root": "/var/lib/stackmove-lab", "templates": "/…/templates", "variables": {…},
     "hosts": {"compute11": {"address": "10.77.0.11", "role": "compute", "cell": "cell1",
                             "masked": ["nova-api.service"], "enabled": ["nova-compute.service"]}}}

Passwords and keys are read from the lab's root directory, so that no command line or log shows them.
``<tree>/<path>.j2`` becomes ``<path>``: the trees ``common`` and that of the host's role in each host,
``operator`` in the lab's root directory. A template whose first line is a comment such as
``{# owner=root group=nova mode=0640 #}`` sets who may read the file; else a file keeps what it has.
Units in ``masked`` can't start on that host, those in ``enabled`` do at boot.
Prints ``host: path`` for each file that changed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml

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
    if link.is_symlink() and link.readlink() == Path("/dev/null"):
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
    if link.is_symlink() and link.readlink() == Path(wanted):
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(wanted)
    return True


def render_tree(environment: jinja2.Environment, tree: str, target: Path, variables: dict[str, Any]) -> list[str]:
    """Render one tree; give the paths that changed."""
    changed: list[str] = []
    templates = Path(variables["templates"])
    for source in sorted((templates / tree).rglob("*.j2")):
        name = source.relative_to(templates / tree).with_suffix("")
        header = HEADER.match(source.read_text())
        access = dict(word.split("=") for word in header[1].split()) if header else {}
        template = environment.get_template(str(source.relative_to(templates)))
        if write(target / name, template.render(variables), access, target):
            changed.append(f"/{name}")
    return changed


def facts(root: Path, name: str) -> dict[str, str]:
    """Read the identity that a host was given when its file system was first mounted."""
    directory = root / "hosts" / name
    return {
        "name": name,
        "uuid": (directory / "uuid").read_text().strip(),
        "host_key": (directory / "ssh_host_ed25519_key").read_text().strip(),
        "host_key_public": (directory / "ssh_host_ed25519_key.pub").read_text().strip(),
    }


def render(spec: dict[str, Any]) -> list[str]:
    """Bring every host's files, and the operator's, to what the templates say."""
    root = Path(spec["root"])
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(spec["templates"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    hosts = {name: {**host, **facts(root, name)} for name, host in spec["hosts"].items()}
    variables = {
        **spec["variables"],
        "templates": spec["templates"],
        "root": spec["root"],
        "hosts": hosts,
        "secrets": yaml.safe_load((root / "secrets.yml").read_text()),
        "lab_key": (root / "keys/id_ed25519").read_text().strip(),
        "lab_key_public": (root / "keys/id_ed25519.pub").read_text().strip(),
    }
    changed = [f"operator: {root}{path}" for path in render_tree(environment, "operator", root, variables)]
    for name, host in hosts.items():
        target = root / "hosts" / name / "merged"
        for tree in ("common", host["role"]):
            paths = render_tree(environment, tree, target, {**variables, **host})
            changed += [f"{name}: {path}" for path in paths]
        changed += [f"{name}: {unit} enabled" for unit in host["enabled"] if enable(target, unit)]
        changed += [f"{name}: {unit} masked" for unit in host["masked"] if mask(target, unit)]
    return changed


if __name__ == "__main__":
    print("\n".join(render(json.load(sys.stdin))))
