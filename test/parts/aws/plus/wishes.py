"""What a test wants of a service: JSON that it sends to `/moto-api/plus/<service>` and that the service's file reads.

   from .wishes import wishes
   if wishes("codedeploy").get("never_ends"): ...

A reset of moto clears them. `on_reset` is for files that keep state of their own.
"""
import json
from typing import Any, Callable

from moto.moto_api._internal.models import MotoAPIBackend
from moto.moto_api._internal.responses import MotoAPIResponse
from moto.moto_api._internal.urls import response_instance, url_paths

_wishes: dict[str, dict[str, Any]] = {}
_told: dict[str, list[Any]] = {}
_on_reset: list[Callable[[], None]] = []


def wishes(service: str) -> dict[str, Any]:
    return _wishes.get(service, {})


def tell(service: str, fact: Any) -> None:
    """Something that happened in the service, for a test to read; JSON."""
    _told.setdefault(service, []).append(fact)


def on_reset(forget: Callable[[], None]) -> None:
    _on_reset.append(forget)


def _answer(self: MotoAPIResponse, request: Any, full_url: str, headers: Any) -> Any:
    service = full_url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    if request.method == "POST":
        wish = json.loads(request.data)
        _wishes[service] = {**_wishes.get(service, {}), **wish}
    return 200, {}, json.dumps({"wishes": wishes(service), "told": _told.get(service, [])})


MotoAPIResponse.plus = _answer
url_paths["{0}/moto-api/plus/(?P<service>[^/]+)$"] = response_instance.plus

_reset = MotoAPIBackend.reset


def _reset_all(self: MotoAPIBackend) -> None:
    _reset(self)
    _wishes.clear()
    _told.clear()
    for forget in _on_reset:
        forget()


MotoAPIBackend.reset = _reset_all
