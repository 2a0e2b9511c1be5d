# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image bytes to and from Glance, straight from this host, with a short-lived token and no password.

Each byte is hashed as it passes; what Glance stored and what we sent or wrote must have the same SHA-512.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    StackmoveError,
)

if TYPE_CHECKING:
    import requests

_CHUNK = 1024 * 1024
# Seconds to connect, and between two pieces of an answer. Glance answers an upload only when the store has all of it.
_TIMEOUT_S = (20.0, 600.0)
_ALGORITHM = "sha512"
_REPLACE = "Run stackmove.nova.transfer_images again; it replaces an image that was broken off."


@dataclass(frozen=True)
class Transfer:
    """A local disk of a guest and the image for its bytes. Sizes in bytes.

    :param sha512: of what the source sent; None: Glance's own record is trusted
    """

    disk: str
    image_id: str
    disk_format: str
    sha512: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class Sent:
    """What was uploaded or downloaded: bytes and their SHA-512."""

    size_bytes: int
    sha512: str


class _Body:
    """An upload whose length is known, so that requests sends Content-Length and no chunked encoding.

    Glance behind uWSGI or Apache does not take chunked uploads everywhere.
    """

    def __init__(self, chunks: Iterable[bytes], length: int) -> None:
        self._chunks = chunks
        self._length = length
        self._hash = hashlib.sha512()
        self._size = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._hash.update(chunk)
            self._size += len(chunk)
            yield chunk

    def sent(self) -> Sent:
        return Sent(self._size, self._hash.hexdigest())


class ImageService:
    """Glance's v2 API, as far as a hypervisor needs it.

    :param endpoint: the image endpoint, with or without ``/v2``
    :param token: a Keystone token; never written anywhere
    :param ca_file: certificates to trust beside the system's; None for the system's alone
    """

    def __init__(self, endpoint: str, token: str, ca_file: str | None = None) -> None:
        import requests

        root = endpoint.rstrip("/")
        self._root = root if root.endswith("/v2") else f"{root}/v2"
        self._session = requests.Session()
        self._session.headers["X-Auth-Token"] = token
        self._session.trust_env = False  # no proxy and no .netrc of whoever runs us
        if ca_file:
            self._session.verify = ca_file

    def has_bytes(self, image_id: str) -> bool:
        """Tell whether an image has its bytes already, or waits for them.

        :raises NotFoundError: when there is none
        :raises ConflictError: when it is in neither state
        """
        status = self.describe(image_id).get("status")
        if status not in {"active", "queued"}:
            raise ConflictError(f"upload image {image_id}", f"its status is {status}.", _REPLACE)
        return bool(status == "active")

    def verify(self, image_id: str, chunks: Iterable[bytes], length: int) -> Sent:
        """Check that an image holds just these bytes, without sending them again.

        :raises StackmoveError: when it holds others
        """
        body = _Body(chunks, length)
        for _chunk in body:
            pass
        sent = body.sent()
        self._require_same(f"use image {image_id} again", self.describe(image_id), sent)
        return sent

    def upload(self, image_id: str, chunks: Iterable[bytes], length: int) -> Sent:
        """Send an image's bytes and check that Glance has stored them.

        :param length: how many bytes there will be
        :raises ConflictError: when the image does not wait for its bytes
        :raises StackmoveError: when Glance refuses, or stored something else
        """
        what = f"upload image {image_id}"
        body = _Body(chunks, length)
        with self._translated(what):
            answer = self._session.put(
                f"{self._root}/images/{image_id}/file",
                data=body,
                headers={"Content-Type": "application/octet-stream"},
                timeout=_TIMEOUT_S,
            )
        self._check(answer, what)
        sent = body.sent()
        self._require_same(what, self.describe(image_id), sent)
        return sent

    def download(self, image_id: str, path: Path) -> Sent:
        """Write an image's bytes to a new file and sync it; a broken download leaves no file.

        :raises StackmoveError: when Glance refuses, or the bytes are not what it says it stored
        """
        what = f"download image {image_id}"
        expected = self.describe(image_id)
        digest, size = hashlib.sha512(), 0
        path.unlink(missing_ok=True)  # a program that has outlived its killed module may still have it open
        try:
            with self._translated(what), path.open("wb") as target:
                answer = self._session.get(f"{self._root}/images/{image_id}/file", stream=True, timeout=_TIMEOUT_S)
                self._check(answer, what)
                for chunk in answer.iter_content(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            received = Sent(size, digest.hexdigest())
            self._require_same(what, expected, received)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return received

    def describe(self, image_id: str) -> dict[str, Any]:
        """Return Glance's record of an image.

        :raises NotFoundError: when there is none
        """
        what = f"read image {image_id}"
        with self._translated(what):
            answer = self._session.get(f"{self._root}/images/{image_id}", timeout=_TIMEOUT_S)
        self._check(answer, what)
        record: dict[str, Any] = answer.json()
        return record

    def _check(self, answer: requests.Response, what: str) -> None:
        if answer.ok:
            return
        cause = f"Glance answers {answer.status_code} {answer.reason}."
        if answer.status_code == 404:
            raise NotFoundError(what, cause, "Run the play again, so that the image is made anew.")
        if answer.status_code == 409:
            raise ConflictError(
                what,
                f"{cause} The image does not wait for its bytes.",
                _REPLACE,
            )
        remedies = {
            401: "The token has expired: run the play again.",
            403: "Check the roles of the operator's user in Glance's policy.",
            413: "Check Glance's storage quota and image_size_cap.",
        }
        raise StackmoveError(what, cause, remedies.get(answer.status_code, "See glance-api's log."))

    def _require_same(self, what: str, record: dict[str, Any], seen: Sent) -> None:
        algorithm = record.get("os_hash_algo")
        if algorithm != _ALGORITHM:
            raise StackmoveError(
                what,
                f"Glance hashed it with {algorithm}, not {_ALGORITHM}.",
                "Set [DEFAULT] hashing_algorithm = sha512 in glance-api.conf, which is its default.",
            )
        if record.get("os_hash_value") != seen.sha512 or record.get("size") != seen.size_bytes:
            raise StackmoveError(
                what,
                f"the checksum differs: Glance has {record.get('size')} bytes with SHA-512"
                f" {str(record.get('os_hash_value'))[:16]}…, and {seen.size_bytes} bytes with"
                f" {seen.sha512[:16]}… passed here.",
                "Look for a proxy or a store that changes or cuts data, and run again.",
            )

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        import requests

        try:
            yield
        except requests.RequestException as error:
            raise StackmoveError(
                what,
                f"the connection to {self._root} failed: {error}",
                "Check that this host reaches the image endpoint, and trusts its certificate.",
            ) from error
        except OSError as error:  # requests' own errors are caught above, although they are of this kind too
            raise StackmoveError(
                what,
                f"this host says: {error}.",
                "Check the space and the permissions of its instances_path.",
            ) from error
