# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way into the cloud: one connection, one way to call it, one kind of error out of it."""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

try:
    import openstack
    from keystoneauth1 import exceptions as keystone_errors
    from keystoneauth1 import service_token
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from openstack import exceptions as sdk_errors

    # All but the first when there was no answer, or no useful one, while the versions of the API were asked for.
    _UNANSWERED = (
        keystone_errors.ConnectFailure,
        keystone_errors.DiscoveryFailure,
        sdk_errors.NotSupported,
        sdk_errors.ServiceDiscoveryException,
    )
    OPENSTACKSDK_IMPORT_ERROR = None
except ImportError:
    OPENSTACKSDK_IMPORT_ERROR = traceback.format_exc()

if TYPE_CHECKING:
    from keystoneauth1.plugin import BaseAuthPlugin
    from openstack.connection import Connection
    from requests import Response

Json = dict[str, Any]
Result = TypeVar("Result")

#: The options of the doc fragment stackmove.nova.cloud.
CLOUD_OPTIONS: dict[str, Json] = {
    "cloud": {"type": "str"},
    "service_cloud": {"type": "str"},
}

#: An overloaded API server or a proxy before it says so with these; Nova tries again on 500 and 504
#: (``nova.volume.cinder``, ``attachment_delete``).
_OVERLOADED = (500, 502, 503, 504)
#: For so many seconds a call is made again that got no answer, or one of these: a service that is restarted is back.
_PATIENCE_S = 10.0
_LONGEST_PAUSE_S = 4.0
#: For so many seconds an answer is waited for, where clouds.yaml has no api_timeout: Cinder's may wait for its driver.
_API_TIMEOUT_S = 300.0

#: By their names in openstacksdk, what operators call the services.
_SERVICES = {
    "block_storage": "Cinder",
    "compute": "Nova",
    "identity": "Keystone",
    "image": "Glance",
    "network": "Neutron",
    "placement": "Placement",
}
_UNREACHABLE = (
    "Start it, or check that its endpoint can be reached from where this module runs. Then run again: what was done "
    "already is found, and not done twice."
)


class ApiError(StackmoveError):
    """An OpenStack API refused or could not be reached.

    :param status: the HTTP status code; 0 when there was no answer at all
    :param unanswered: whether nobody has answered
    :param unsent: whether the request never reached anybody
    """

    def __init__(
        self, what: str, cause: str, remedy: str = "", status: int = 0, unanswered: bool = False, unsent: bool = False
    ) -> None:
        super().__init__(what, cause, remedy)
        self.status = status
        self.unanswered = unanswered
        self.unsent = unsent

    def may_pass(self, repeatable: bool) -> bool:
        """Tell whether the same call may succeed in a moment, and do no harm when it is made twice."""
        return self.unsent or (repeatable and (self.unanswered or self.status in _OVERLOADED))

    def after(self, attempts: int, waited_s: float) -> ApiError:
        """Say too how often and for how long it was tried."""
        if attempts == 1:
            return self
        cause = f"{self.cause} It was tried {attempts} times in {waited_s:.0f} s."
        return ApiError(self.what, cause, self.remedy, self.status, self.unanswered, self.unsent)


def connect(cloud: str | None, service_cloud: str | None = None) -> Connection:
    """Connect to `cloud` as its operator.

    With `service_cloud`, each request carries ``X-Service-Token`` too: a token of that cloud's user, who needs
    the role ``service``. Cinder wants it before it deletes an attachment in use (CVE-2023-2088).

    :param cloud: the name of an entry in ``clouds.yaml``; otherwise the environment variable ``OS_CLOUD`` names it
    :param service_cloud: the name of another entry there
    :raises StackmoveError: no cloud is named
    :raises ApiError: there is no such entry, or Keystone refused one of the two users
    """
    name = cloud or os.environ.get("OS_CLOUD")
    if not name:
        raise StackmoveError(
            "connect to the cloud",
            "no entry of clouds.yaml is named.",
            "Set the option cloud, best in module_defaults, for group/stackmove.nova.cloud; or the environment "
            "variable OS_CLOUD.",
        )
    conn = _open(name, "its operator")
    if service_cloud:
        service = _open(service_cloud, "a user with the role service")
        conn.session.auth = service_token.ServiceTokenAuthWrapper(_auth(conn), _auth(service))
    return conn


def _open(cloud: str, user: str) -> Connection:
    def authorized() -> Connection:
        remedy = f"Check the entry {cloud} in clouds.yaml: it names {user}."
        with translated(f"connect to cloud {cloud}", remedy, "identity"):
            conn = openstack.connect(cloud=cloud)
            conn.session.get_token()
        return conn

    conn = persistently(authorized)
    conn.session.timeout = conn.session.timeout or _API_TIMEOUT_S
    return conn


def _auth(conn: Connection) -> BaseAuthPlugin:
    auth = conn.session.auth
    if auth is None:
        raise StackmoveError(
            f"connect to cloud {conn.name}", "its entry in clouds.yaml has no authentication.", "Add it."
        )
    return auth


def has_service_token(conn: Connection) -> bool:
    """Tell whether requests carry a service token at all."""
    return isinstance(conn.session.auth, service_token.ServiceTokenAuthWrapper)


def has_service_role(conn: Connection) -> bool:
    """Tell whether requests carry a service token, and its user really has the role ``service``.

    :raises ApiError: Keystone could not be asked
    """
    auth = conn.session.auth
    if not isinstance(auth, service_token.ServiceTokenAuthWrapper):
        return False
    service = auth.service_auth
    if not isinstance(service, BaseIdentityPlugin):
        # An entry with a fixed token: only Keystone knows its roles.
        return True
    with translated("read the roles of the service user", service="identity"):
        access = service.get_access(conn.session)
    return "service" in (access.role_names or [])


def new_token(conn: Connection) -> str:
    """Return a token of the operator, for a host that has to talk to an API itself.

    :raises ApiError: Keystone refused
    """
    with translated("get a token", service="identity"):
        token = conn.session.get_token()
    if not token:
        raise ApiError("get a token", "Keystone gave none.", "Check how the entry in clouds.yaml authenticates.")
    return str(token)


def endpoint(conn: Connection, service: str, version: str) -> str:
    """Return the URL of a service's API version without a slash at its end, e.g. ``http://…:9292/v2``.

    :param service: service type, e.g. ``image``
    :param version: path of the version, e.g. ``v2``
    :raises ApiError: the catalogue has no such service
    """
    what = f"find the endpoint of service {service}"
    with translated(what, "Add the service to Keystone's catalogue, or set its endpoint in clouds.yaml.", service):
        url = getattr(conn, service).get_endpoint()
    if not url:
        raise ApiError(what, "it isn't in Keystone's catalogue.", "Set its endpoint in clouds.yaml.")
    stripped = str(url).rstrip("/")
    return stripped if stripped.endswith(f"/{version}") else f"{stripped}/{version}"


@contextmanager
def translated(what: str, remedy: str = "", service: str = "") -> Iterator[None]:
    """Turn whatever openstacksdk or keystoneauth raise inside into an :class:`ApiError`.

    :param what: what is attempted, and on which object
    :param remedy: used where the error itself doesn't suggest a better one
    :param service: whose API it is, by its name in openstacksdk
    """
    try:
        yield
    except sdk_errors.HttpException as error:
        status = int(error.status_code or 0)
        raise ApiError(what, _sentence(error.details or str(error)), _remedy_for(status, remedy), status) from error
    except _UNANSWERED as error:
        cause = f"{_SERVICES.get(service, 'the API')} does not answer: {_unreached(str(error))}"
        unsent = _UNSENT in str(error)
        raise ApiError(what, cause, _UNREACHABLE, unanswered=True, unsent=unsent) from error
    except (sdk_errors.SDKException, keystone_errors.ClientException) as error:
        status = int(getattr(error, "http_status", 0) or 0)
        raise ApiError(what, _sentence(str(error)), _remedy_for(status, remedy), status) from error


#: What urllib3 says when there is no connection, so that nothing can have been sent on it.
_UNSENT = "Failed to establish a new connection"


def _unreached(text: str) -> str:
    """Shorten what keystoneauth, requests and urllib3 say, each around the other, of a connection that failed."""
    address = re.search(r"https?://[^/\s]+", text)
    number = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
    cause = number.group(1) if number else text[:200]
    return _sentence(f"{address.group()}: {cause}" if address else cause)


def persistently(work: Callable[[], Result], repeatable: bool = True) -> Result:
    """Do something again while nobody answers or the server is overloaded, for 10 seconds.

    :param work: raises an ApiError when it fails
    :param repeatable: whether it does no harm when it is done twice
    :raises ApiError: it still fails then, or failed for another reason
    """
    start = time.monotonic()
    attempts = 0
    while True:
        attempts += 1
        try:
            return work()
        except ApiError as error:
            waited_s = time.monotonic() - start
            pause_s = min(0.5 * 2 ** (attempts - 1), _LONGEST_PAUSE_S)
            if not error.may_pass(repeatable) or waited_s + pause_s > _PATIENCE_S:
                raise error.after(attempts, waited_s) from error
        time.sleep(pause_s)


def call(
    conn: Connection,
    service: str,
    method: str,
    path: str,
    *,
    what: str,
    remedy: str = "",
    accept: Collection[int] = (),
    repeatable: bool | None = None,
    **request: Any,
) -> Response:
    """Send one request to a service; this is for what openstacksdk has no faithful call for.

    :param service: its name in openstacksdk, e.g. ``block_storage``
    :param what: what is attempted, and on which object; for the message of the error
    :param accept: status codes from 400 up that the caller understands, so that they aren't errors
    :param repeatable: whether it does no harm when it is sent twice; by default, whether it is no ``POST``
    :param request: what the adapter takes: ``json``, ``params``, ``microversion`` …
    :raises ApiError: any other status code from 400 up, or no answer
    """

    def send() -> Response:
        with translated(what, remedy, service):
            # openstacksdk would send even a POST once more by itself.
            adapter = getattr(conn, service)
            response: Response = adapter.request(path, method, raise_exc=False, connect_retries=0, **request)
        status = response.status_code
        if status < 400 or status in accept:
            return response
        raise ApiError(what, reason(response), _remedy_for(status, remedy), status)

    return persistently(send, method != "POST" if repeatable is None else repeatable)


def reason(response: Response) -> str:
    """Return in one sentence why an API refused, in its own words where it has any."""
    try:
        body = response.json()
    except ValueError:
        body = response.text.strip()
    return _sentence(f"HTTP {response.status_code}: {_words(body) or response.reason}")


def _words(body: Any) -> str:
    """Find the message in an error's body: each service has a shape of its own."""
    if isinstance(body, str):
        # Glance and the web servers before the APIs answer with a page of HTML.
        return body[:200] if not body.startswith("<") else ""
    if isinstance(body, list):
        return "; ".join(filter(None, map(_words, body)))
    if isinstance(body, dict):
        for key in ("errors", "message", "detail", "NeutronError"):
            if body.get(key):
                return _words(body[key])
        return "; ".join(filter(None, (_words(value) for value in body.values() if not isinstance(value, int))))
    return ""


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _remedy_for(status: int, otherwise: str) -> str:
    """Say what to do about a status code that means the same whatever was attempted."""
    if status == 401:
        return (
            "Check user, password, project and domains of the entry in clouds.yaml; if there is a service_cloud, that "
            "its user has the role service: APIs refuse the service token of another user."
        )
    if status == 403:
        return "Check that the user has the role admin, and the policy of this API."
    return otherwise
