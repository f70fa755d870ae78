"""The API's documentation as a page of plain HTML, made from its OpenAPI description.

The usual viewers load their scripts from a CDN, which the Content-Security-Policy forbids and which is missing on a
machine without a network. Reading needs no script.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import FastAPI, Request, Response

from garaza.kit.documents import Document, LateDocument

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ASK_AGAIN = "no-cache"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 2.5rem 0 0.25rem; font-size: 1.1rem } h2 code { font-size: 1rem }
.method { display: inline-block; min-width: 4rem; font-weight: 700 }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600 }
th, td { border-bottom: 1px solid #8884; padding: 0.3rem 0.75rem 0.3rem 0; vertical-align: top }
pre { background: #8881; padding: 0.75rem; overflow-x: auto; font-size: 0.85rem } summary { cursor: pointer }
"""


def add_documentation(app: FastAPI) -> None:
    """Serve the page at /docs, and the description at /openapi.json, which FastAPI would write anew each time."""
    page = LateDocument(lambda: Document.of(render(app.openapi()).encode(), "text/html"))
    description = LateDocument(lambda: Document.of(_compact(app.openapi()), "application/json"))

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs(request: Request) -> Response:
        answer = (await page.get()).answer(request.headers, _ASK_AGAIN)
        answer.headers["Content-Security-Policy"] = _POLICY
        return answer

    @app.api_route("/openapi.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return (await description.get()).answer(request.headers, _ASK_AGAIN)


def _compact(description: dict[str, Any]) -> bytes:
    return json.dumps(description, ensure_ascii=False, separators=(",", ":")).encode()


def render(api: dict[str, Any]) -> str:
    """The page for an OpenAPI 3.1 description."""
    title = escape(f"{api['info']['title']} {api['info']['version']}")
    operations = "".join(
        _operation(method, path, operation)
        for path, item in api["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete", "head"}
    )
    schemas = "".join(
        f'<details id="{escape(name)}"><summary>{escape(name)}</summary>{_code(schema)}</details>'
        for name, schema in sorted(api.get("components", {}).get("schemas", {}).items())
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: the API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(api['info'].get('description', ''))}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>{operations}<h1>Schemas</h1>{schemas}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f'<h2><span class="method">{method.upper()}</span><code>{escape(path)}</code></h2>']
    parts += [f"<p>{escape(operation[key])}</p>" for key in ("summary", "description") if operation.get(key)]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
            f"<td>{_schema(p.get('schema', {}))}</td><td>{escape(p.get('description', ''))}</td></tr>"
            for p in parameters
        )
        parts.append(f"<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>{rows}</table>")
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Takes <code>{escape(kind)}</code>: {_schema(body.get('schema', {}))}</p>")
    for status, answer in operation.get("responses", {}).items():
        kinds = ", ".join(
            f"<code>{escape(kind)}</code> {_schema(body.get('schema', {}))}"
            for kind, body in answer.get("content", {}).items()
        )
        parts.append(f"<p><strong>{escape(status)}</strong> {escape(answer['description'])} {kinds}</p>")
    return f"<section>{''.join(parts)}</section>"


def _schema(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if schema.get("type") == "array" and "$ref" in schema.get("items", {}):
        return f"list of {_schema(schema['items'])}"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_schema(option) for option in schema[choice])
    if "properties" in schema:
        return _code(schema)
    words = [str(schema.get("type", ""))] if "enum" not in schema and "const" not in schema else []
    words += [json.dumps(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else [])]
    return escape(" ".join(words))


def _code(schema: dict[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=1, ensure_ascii=False))}</pre>"
