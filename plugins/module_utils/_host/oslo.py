# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""os-brick and os-vif in this process: as root, and with the locks of the nova-compute beside us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.stackmove.nova.plugins.module_utils._host.nova_conf import NovaConf


@contextmanager
def shared_with_nova(conf: NovaConf) -> Iterator[None]:
    """Use Nova's lock folder for the length of a ``with`` block.

    nova-compute and we must not log in to one target, or make one bridge, at the same time. Lock files that we made are
    given to the folder's owner afterwards: nova-compute could not open root's, and would fail from then on.
    """
    from oslo_concurrency import lockutils
    from oslo_config import cfg

    folder = Path(conf.text("oslo_concurrency", "lock_path"))
    if not folder.is_dir():
        folder.mkdir(parents=True)
        above = folder.parent.stat()
        os.chown(folder, above.st_uid, above.st_gid)
    known = set(folder.iterdir())
    lockutils.set_defaults(str(folder))
    cfg.CONF([], default_config_files=[])
    if "os_brick" in cfg.CONF:
        cfg.CONF.set_override("lock_path", str(folder), "os_brick")
    try:
        yield
    finally:
        owner = folder.stat()
        for path in set(folder.iterdir()) - known:
            os.chown(path, owner.st_uid, owner.st_gid)
