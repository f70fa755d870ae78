"""Whatever is asked for: the answer is that of the same application without an index of its routes."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.routing import iter_route_contexts
from starlette.responses import PlainTextResponse
from starlette.routing import NoMatchFound, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from garaza.kit.route_index import RouteIndex

WORDS = ("", "api", "things", "7", "x", "deep", "own", "files", "late", "x\n", "things:7")


THINGS = (
    ("GET", "/things/{thing:int}", "number"),
    ("GET", "/things/own", "own"),
    ("GET", "/things/{thing}", "thing"),
    ("HEAD", "/things/{thing}", "head"),
    ("POST", "/things/{thing}", "post"),
    ("GET", "/things/own", "hidden"),
    ("GET", "/files/{path:path}", "files"),
    ("GET", "/{first}/{second}", "general"),
    ("GET", "/x{rest}", "mixed"),
)


async def told(request: Request) -> dict[str, Any]:
    await request.body()
    return {
        "route": [request.scope["route"].path, request.scope["route"].name],
        "values": {name: [type(value).__name__, str(value)] for name, value in request.path_params.items()},
        "endpoint": request.scope["endpoint"].__name__,
        "address": str(request.url_for("number", thing=3)),
    }


async def checked(request: Request) -> None:
    if "forbidden" in request.query_params:
        raise HTTPException(403, "Not you.")


async def plain(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("plain")


def make_app(*, indexed: bool) -> FastAPI:
    """Routes that hide each other, in routers within routers."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    inner = APIRouter(prefix="/deep")
    inner.add_api_route("/{name}", told)
    things = APIRouter(prefix="/api", max_body_size=10)
    for method, path, name in THINGS:
        things.add_api_route(path, told, methods=[method], name=name)
    things.include_router(inner, prefix="/own")
    app.include_router(things, dependencies=[Depends(checked)])
    app.add_api_route("/", told, methods=["GET", "HEAD"], include_in_schema=False)
    app.router.routes.append(Route("/x/{more}", plain))
    app.add_api_route("/{one}/{two}", told, name="last")
    app.mount("/api/late", FastAPI())
    app.add_api_route("/api/late/x", told, name="beyond")
    if indexed:
        RouteIndex(app)
    return app


@pytest.fixture(scope="module")
def clients() -> tuple[TestClient, TestClient]:
    return tuple(TestClient(make_app(indexed=indexed), follow_redirects=False) for indexed in (True, False))  # type: ignore[return-value]


def seen(answer: httpx2.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    return answer.status_code, sorted(answer.headers.items()), answer.content


PATHS = ["/" + "/".join(words) for length in (1, 2, 3, 4) for words in itertools.product(WORDS[:9], repeat=length)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_all_is_answered_as_without_it(clients: tuple[TestClient, TestClient], method: str) -> None:
    """Routes in the order they were added in, 404, 405 with Allow, redirects to what has a slash more or less."""
    with_index, without = clients
    # All of the short ones, and of the long ones some.
    for path in [*PATHS[:90], *PATHS[90 :: 19 if method == "GET" else 170]]:
        asked = "http://testserver" + path.replace("\n", "%0A")
        assert seen(with_index.request(method, asked)) == seen(without.request(method, asked)), asked


@pytest.mark.parametrize(
    "path", ["/api/things/x%0A", "/api/things/7%0A", "/%0A", "/api/things:7/x", "/api/things%2Fx", "/api//things/7"]
)
def test_odd_paths_too(clients: tuple[TestClient, TestClient], path: str) -> None:
    """A line break at the end is none to a pattern."""
    assert seen(clients[0].get(path)) == seen(clients[1].get(path))


def test_dependencies_and_limits_of_routers_hold(clients: tuple[TestClient, TestClient]) -> None:
    """Of what a router was included with."""
    for client in clients:
        assert client.get("/api/things/7?forbidden").status_code == 403
        assert client.post("/api/things/7", content=b"x" * 11).status_code == 413
        assert client.post("/api/things/7", content=b"x" * 10).status_code == 200


def test_it_is_the_index_that_finds_them() -> None:
    """Or the tests above would hold for one that finds nothing."""
    app = make_app(indexed=True)
    index = app.router.routes[0]

    def found(method: str, path: str) -> str | None:
        _, child = index.matches({"type": "http", "method": method, "path": path})
        return child["route"].path if child else None

    assert found("GET", "/api/things/7") == "/api/things/{thing:int}"
    assert found("GET", "/api/files/a/b/c") == "/api/files/{path:path}"
    assert found("GET", "/api/own/deep/x") == "/deep/{name}"
    assert found("HEAD", "/") == "/"
    assert found("PUT", "/api/things/7") is None
    # A route of Starlette's own is left to FastAPI, and what comes after a mount, too.
    assert found("GET", "/x/y") is None
    assert found("GET", "/api/late/x") == "/api/{first}/{second}"


@pytest.mark.parametrize("path", ["/api/feed/7", "/api/own/7", "/api/7/echo", "/api/nothing", "/api/things/7"])
def test_sockets_too(path: str) -> None:
    """Starlette's by the index, FastAPI's by FastAPI; a path of a route for requests is none for them."""

    async def answer(socket: WebSocket) -> None:
        await socket.accept()
        route = socket.scope.get("route")
        await socket.send_json([route and route.path, socket.path_params, socket.scope["endpoint"].__name__])
        await socket.close()

    def app(*, indexed: bool) -> FastAPI:
        made, router = make_app(indexed=False), APIRouter(prefix="/api")
        router.routes.append(WebSocketRoute("/feed/{number}", answer))
        router.add_api_websocket_route("/own/{number}", answer)
        router.routes.append(WebSocketRoute("/{number}/echo", answer))
        made.router.routes.pop(-2)
        made.include_router(router)
        if indexed:
            RouteIndex(made)
        return made

    def seen(client: TestClient) -> Any:
        try:
            with client.websocket_connect(path) as socket:
                return socket.receive_json()
        except WebSocketDisconnect as gone:
            return gone.code

    assert seen(TestClient(app(indexed=True))) == seen(TestClient(app(indexed=False)))


def test_a_route_that_is_added_later_is_found() -> None:
    """Whoever made the application may add some, also while it runs."""
    app = FastAPI()
    RouteIndex(app)
    client = TestClient(app)
    assert client.get("/late").status_code == 404

    @app.get("/late")
    async def late() -> str:
        return "here"

    assert client.get("/late").json() == "here"


def test_it_is_no_route_itself() -> None:
    """Neither for who looks for an address, nor in the description."""
    app = make_app(indexed=True)
    with pytest.raises(NoMatchFound):
        app.url_path_for("nothing")
    assert app.url_path_for("number", thing=7) == "/api/things/7"
    assert app.openapi() == make_app(indexed=False).openapi()


def test_fastapi_tells_what_it_relies_on() -> None:
    """What a route is made of with all that its router was included with: `app` is the whole of its handling."""
    inner, app = APIRouter(), FastAPI()

    @inner.get("/x/{y}")
    async def one(y: str) -> str:
        return y

    app.include_router(inner, prefix="/a")
    (found,) = [one for one in iter_route_contexts(app.routes) if one.path == "/a/x/{y}"]
    assert callable(found.app)
    assert found.methods == {"GET"}
    assert found.path_format == "/a/x/{y}"
    assert found.path_regex.match("/a/x/1").groupdict() == {"y": "1"}
    assert set(found.param_convertors) == {"y"}
    assert found.original_route in inner.routes
