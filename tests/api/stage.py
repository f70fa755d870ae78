"""People and things that calls can be about. What a call has used up is made anew for the next one that asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from garaza.kit.ids import new_id
from garaza.kit.pagination import Place, make_cursor
from tests.accounts.house import PASSWORD
from tests.api.whole import VIDEO, Visitor, Whole

VIEWERS = ("user", "user", "user", "guest", "admin")
FOR_ADMINS = ("admin", "admin", "admin", "guest", "user")
"""Who makes calls, some more often than others."""

_SCANS = (
    "user's finished scan",
    "user's uploaded scan",
    "user's queued scan",
    "guest's finished scan",
    "guest's uploaded scan",
    "guest's queued scan",
    "admin's finished scan",
    "nobody's scan",
)
KNOWN: dict[str, tuple[str, ...]] = {
    "job_id": _SCANS,
    "ids": ("some scans", "user's queued scan"),
    "room_id": ("user's room", "user's room", "admin's room", "nobody's room"),
    "share_id": ("user's link",),
    "import_id": ("admin's import", "admin's import", "nobody's scan"),
    "upload_id": ("user's upload", "user's upload", "guest's upload", "nobody's scan"),
    "tus-resumable": ("tus version",),
    "upload-offset": ("upload offset",),
    "upload-length": ("upload length",),
    "token": ("user's token", "admin's token"),
    "session_id": ("user's login", "admin's login"),
    "user_id": ("user's account", "admin's account", "somebody's account", "nobody's account"),
    "path": ("model", "poster", "no file"),
    "filename": ("model", "poster", "no file"),
    "email": ("new address", "new address", "user's address"),
    "username": ("new name", "user's address", "somebody's name"),
    "password": ("password",),
    "current_password": ("password",),
    "new_password": ("another password",),
    "refresh_token": ("user's refresh token",),
    "ticket": ("user's ticket",),
    "file": ("video",),
    "engine": ("engine",),
    "name": ("title",),
    "description": ("title",),
    "action": ("deed", "login"),
    "format": ("format",),
    "asin": ("a product", "a product", "no product"),
    "asins": ("some products",),
    "brand": ("a brand",),
    "category": ("a category",),
    "place": ("no place",),
    "query": ("question", "question about a size"),
    "q": ("question",),
    "map": ("column",),
    "cursor": (
        "cursor of two numbers",
        "cursor of a number",
        "cursor of a time and a number",
        "cursor of a time and a text",
    ),
    "webhook_url": ("web address",),
    "idempotency-key": ("title",),
}
"""By the name of a parameter or field: things that can be put there. The user's come first, as most who call are it."""
_TEXTS = {
    "model": "model.glb",
    "poster": "poster.jpg",
    "no file": "../../garaza.db",
    "password": PASSWORD,
    "another password": PASSWORD,
    "video": VIDEO.decode(),
    "engine": "geometric",
    "title": "Kitchen",
    "deed": "viewed",
    "login": "login",
    "format": "glb",
    "column": "Code=asin",
    "no product": "NOTHING",
    "question": "sofa",
    "question about a size": "black or walnut desk under 120 cm wide and below $300, not from China",
    "cursor of two numbers": make_cursor(Place((1, 5))),
    "cursor of a number": make_cursor(Place((5,))),
    "cursor of a time and a number": make_cursor(Place((1e9, 5))),
    "cursor of a time and a text": make_cursor(Place((1e9, "x"), backwards=True)),
    "web address": "https://example.org/scans",
    "tus version": "1.0.0",
    "upload offset": "0",
    "upload length": str(len(VIDEO)),
}


class Stage:
    """See the module."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self._there: dict[str, Any] = {}

    def forget(self, *names: str) -> None:
        """These are used up; without names: everybody and everything."""
        if not names:
            self._there.clear()
        for name in names:
            self._there.pop(name, None)

    async def viewer(self, name: str) -> Visitor:
        """Who calls: "guest", or an account."""
        found: Visitor = self.whole.guest() if name == "guest" else await self.thing(name)
        return found

    async def thing(self, name: str) -> Any:
        """What has this name."""
        if name not in self._there:
            made = await self._make(name)
            if name.startswith("new"):
                return made
            self._there[name] = made
        return self._there[name]

    async def _make(self, name: str) -> Any:
        whose, _, what = name.partition("'s ")
        if what == "":
            return await self._make_alone(name)
        if what.endswith("scan"):
            return await self._scan(whose, what)
        if what == "room":
            return await self._room(whose)
        if what == "import":
            return await self._import(whose)
        if what == "upload":
            return await self._upload(whose)
        if what in {"link", "token"}:
            return (await self._share(whose))["id" if what == "link" else "token"]
        if whose == "nobody":
            return 2**53
        return await self._about(await self.thing(whose), what)

    async def _make_alone(self, name: str) -> Any:
        match name:
            case "user" | "somebody":
                return await self.whole.register(plan="enterprise")
            case "admin":
                return await self.whole.register(plan="enterprise", role="admin")
            case "operator":
                # Who reads figures is on the same machine.
                return self.whole.guest("127.0.0.1")
            case "a product" | "a brand" | "a category":
                (found,) = (await self.whole.guest().get("/api/furniture/search?query=sofa&top_k=1")).json()["results"]
                wanted = found[{"a product": "asin", "a brand": "brand", "a category": "categories"}[name]]
                return wanted.split(" > ")[-1]
            case "some products":
                return f"{await self.thing('a product')},NOTHING"
            case "no place":
                return 0
            case "some scans":
                return ",".join([await self.thing(scan) for scan in _SCANS])
            case "new address":
                return f"{new_id()}@example.com"
            case "new name":
                return new_id()
        return _TEXTS[name]

    @staticmethod
    async def _about(visitor: Visitor, what: str) -> Any:
        if what == "login":
            return (await visitor.get("/api/auth/sessions")).json()[0]["id"]
        if what == "ticket":
            return (await visitor.call("POST", "/api/live/ticket")).json()["ticket"]
        about = {
            "account": visitor.user_id,
            "address": visitor.email,
            "name": visitor.name,
            "refresh token": visitor.refresh_token,
        }
        return about[what]

    async def _scan(self, whose: str, what: str) -> str:
        if whose == "nobody":
            return "0" * 22
        make: Callable[[Visitor | None], Awaitable[str]] = getattr(self.whole, what.split(maxsplit=1)[0])
        return await make(None if whose == "guest" else await self.thing(whose))

    async def _upload(self, whose: str) -> str:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(VIDEO))}
        answer = await (await self.viewer(whose)).post("/api/uploads", headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"]).rsplit("/", 1)[1]

    async def _import(self, whose: str) -> str:
        rows = f"asin,title\nB000000001,{new_id()}\n"
        answer = await (await self.thing(whose)).post("/api/admin/catalogue/imports", content=rows.encode())
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def _room(self, whose: str) -> int:
        if whose == "nobody":
            return 2**53
        body = {"job_id": await self.thing(f"{whose}'s finished scan"), "name": "Kitchen"}
        answer = await (await self.thing(whose)).post("/api/rooms", json=body)
        assert answer.status_code == 201, answer.text
        room_id: int = answer.json()["id"]
        return room_id

    async def _share(self, whose: str) -> dict[str, Any]:
        room_id = await self.thing(f"{whose}'s room")
        answer = await (await self.thing(whose)).post(f"/api/rooms/{room_id}/shares")
        assert answer.status_code == 201, answer.text
        share: dict[str, Any] = answer.json()
        return share
