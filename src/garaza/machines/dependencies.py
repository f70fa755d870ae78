"""The machine that signed a request, for those who ask who is calling."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from garaza.errors import GarazaError
from garaza.kit.signing.incoming import SignatureRefused, from_scope
from garaza.machines.service import MAX_BODY_BYTES, Machine, MachineService, refused

_BODY_SECONDS = 30.0
"""A quarter of a megabyte comes sooner than that, or isn't worth waiting for."""


async def identify_machine(request: Request) -> Machine | None:
    """The machine that signed a request; None where nobody did, or an access token says who it is from.

    Reads the body, which routes can read afterwards as if nobody had. May be called again for the same request: the
    answer is remembered, since the signature wouldn't be taken twice. Expects a `MachineService` as
    `app.state.machines`.

    Raises:
        GarazaError: 401, it is signed, but not as it should be; 400, 408, 411 or 413, its body can't be checked.
    """
    # Beside a token a signature is somebody else's business: proxies and browsers' extensions sign, too.
    if "signature-input" not in request.headers or _has_token(request):
        return None
    known: Machine | None = getattr(request.state, "machine", None)
    if known is None:
        body = await _body(request)
        machines: MachineService = request.app.state.machines
        try:
            incoming = from_scope(request.scope, body)
        except SignatureRefused as error:
            raise refused(error.reason.value, str(error)) from None
        known = request.state.machine = await machines.authenticate(incoming)
    return known


def _has_token(request: Request) -> bool:
    return request.headers.get("authorization", "").partition(" ")[0].lower() == "bearer"


async def _body(request: Request) -> bytes:
    # The server gives no more than was announced, so that a bound on that bounds what is kept in memory.
    if "transfer-encoding" in request.headers:
        raise GarazaError(
            411, "length_required", "A signed request needs a Content-Length: send its body in one piece."
        )
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 10 or int(length) > MAX_BODY_BYTES:
        detail = f"The body of a signed request has {MAX_BODY_BYTES // 1024} KiB at most."
        raise GarazaError(413, "body_too_large", detail)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise GarazaError(408, "too_slow", "The body didn't come in time. Send the request again.") from None
    except ClientDisconnect:
        raise GarazaError(400, "incomplete", "The body broke off. Send the request again.") from None
    except RuntimeError:
        # The route is one for forms, which are parsed as they arrive, before anybody asks who sent them.
        raise GarazaError(400, "form_not_signed", "Forms can't be signed here. Send JSON.") from None
