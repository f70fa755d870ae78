"""What receivers of webhooks ask for."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response
from starlette.responses import JSONResponse

from garaza.kit.signing_keys import SigningKeys
from garaza.webhooks.schemas import Jwks, WebhookMessage

_KEPT_SECONDS = 300


class _JwksResponse(JSONResponse):
    media_type = "application/jwk-set+json"


def make_router(keys: SigningKeys) -> APIRouter:
    """The routes of webhooks."""
    router = APIRouter(tags=["webhooks"])

    # Not async: the file of the keys is looked at.
    @router.get(
        "/.well-known/garaza-webhook-keys",
        summary="Public keys that webhooks are signed with",
        response_class=_JwksResponse,
    )
    def webhook_keys(response: Response) -> Jwks:
        """Ed25519 keys, by the keyid of the signature. Whoever meets a keyid that isn't among those kept asks again."""
        response.headers["Cache-Control"] = f"public, max-age={_KEPT_SECONDS}"
        return Jwks.model_validate(keys.public_jwks())

    return router


def describe(app: FastAPI) -> None:
    """Say in the documentation what is posted to others."""

    @app.webhooks.post("scan-ended", summary="A scan has ended", tags=["webhooks"])
    async def scan_ended(message: WebhookMessage) -> None:
        """Any 2xx says that it came; 410 that it is never wanted again; anything else has it sent again later."""
