"""The reference at `/docs`: the OpenAPI document as one HTML page, without scripts or external resources."""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; text-transform: capitalize; }
section { border-top: 1px solid #8886; padding-block: .75rem; }
h3 { margin: .25rem 0; font-size: 1rem; }
pre { white-space: pre-wrap; margin: .5rem 0; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.method { font-weight: 700; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td { border-top: 1px solid #8884; padding: .25rem .5rem .25rem 0; vertical-align: top; }
summary { cursor: pointer; }
"""
VARIABLES = (
    "In the examples, `$NST` is the URL of this service without a final slash and `$NST_KEY` an API key; leave out the "
    "header if the service has no keys. `$JOB` is the id of a job and `$ASSET` the content address of an asset."
)


@router.get("/docs")
async def get_reference(request: Request) -> HTMLResponse:
    """Return the reference."""
    root = request.scope.get("root_path", "")
    page = "\n".join(_page(request.app.openapi(), root))
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})


@router.get("/docs.css")
async def get_style_sheet() -> Response:
    """Return the style sheet of the reference."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


def operations(document: dict[str, Any], tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the method, path and description of every operation with a tag."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if tag in operation["tags"]:
                yield method, path, operation


def _page(document: dict[str, Any], root: str) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html><html lang=en><head><meta charset=utf-8>"
    yield "<meta name=viewport content='width=device-width, initial-scale=1'>"
    yield f"<title>{escape(info['title'])} {escape(info['version'])}: HTTP API</title>"
    yield f"<link rel=stylesheet href='{escape(root)}/docs.css'></head><body><main>"
    yield f"<p><a href='{escape(root)}/'>Back to the web page</a></p>"
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
    yield "".join(f"<p>{_text(part)}</p>" for part in info["description"].strip().split("\n\n"))
    yield f"<p>For programs: <a href='{escape(root)}/openapi.json'>openapi.json</a></p>"
    yield f"<p>{_text(VARIABLES)}</p>"
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><p>{_text(tag['description'])}</p>"
        for method, path, operation in operations(document, tag["name"]):
            yield from _operation(method, path, operation)
    yield "<h2 id=parameters>Parameters of a job</h2>"
    yield from _fields(document["components"]["schemas"]["NewJob"]["properties"], document)
    yield "</main></body></html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section id={escape(operation['operationId'])}><h3><code><span class=method>{method.upper()}</span> "
    yield f"{escape(path)}</code></h3><p><strong>{escape(operation['summary'])}.</strong> "
    yield f"{_text(operation['description'])}"
    if operation["operationId"] == "create_job":
        yield " <a href='#parameters'>Parameters of a job</a>."
    yield f"</p><pre><code>{escape(operation['x-codeSamples'][0]['source'])}</code></pre>"
    yield "<details><summary>Parameters and responses</summary><table>"
    for item in operation.get("parameters", ()):
        yield _row(item["name"], f"{item['in']}", item.get("description", ""))
    for status, response in operation["responses"].items():
        yield _row(status, "response", response["description"])
    yield "</table></details></section>"


def _fields(properties: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield "<table>"
    for name, field in properties.items():
        yield _row(name, type_name(field, document), field.get("description", ""))
    yield "</table>"


def type_name(field: dict[str, Any], document: dict[str, Any]) -> str:
    """Return the type of a field of an OpenAPI document, with its bounds."""
    options = [option for option in field.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        return f"{type_name(options[0], document)} or null"
    if "$ref" in field:
        field = document["components"]["schemas"][field["$ref"].rpartition("/")[2]]
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if field.get("format") == "binary":
        return "file"
    bounds = [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")]
    limits = [f"{sign} {field[bound]:g}" for bound, sign in bounds if bound in field]
    kind = "list" if field.get("type") == "array" else field.get("type", "object")
    return ", ".join([str(kind), *limits])


def _row(name: str, kind: str, text: str) -> str:
    return f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{_text(text)}</td></tr>"


def _text(text: str) -> str:
    """Return text as HTML, with `backquoted` words as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
