"""The page docs/use/http-reference.md, made from the OpenAPI document; `make reference` writes it."""

from collections.abc import Iterator
from typing import Any

from api.app import create_app
from api.docs.page import operations, type_name
from api.settings import ApiSettings
from jobs.settings import JobSettings
from nst_engine.spec.config import StyleConfig

HEAD = """# HTTP reference

<!-- not run: tests/api/docs/test_curl_examples.py runs every command of this page against the application -->

`make reference` writes this page from the OpenAPI document. A running service has the document at `/openapi.json`, for
client generators, and a page like this one at `/docs`. [The HTTP API](http-api.md) explains how to use it. In the
commands, `$NST` is the service's URL, `$NST_KEY` an API key (omit the header if there is none) and `$JOB` the id of a
job."""
SCHEMAS = {"NewJob": "A new job", "JobView": "A job", "Problem": "An error"}
PARAMETERS = "\nAlso each of the [parameters](presets.md#parameters), as a form field or inside `params`."


def page() -> str:
    """Return the page."""
    # No environment: the document does not depend on settings.
    return "\n".join(_lines(create_app(ApiSettings.model_construct(), JobSettings.model_construct()).openapi()))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield HEAD
    for tag in document["tags"]:
        yield f"\n## {tag['name'].capitalize()}\n\n{tag['description']}"
        for method, path, operation in operations(document, tag["name"]):
            yield from _operation(method, path, operation)
    for name, title in SCHEMAS.items():
        yield f"\n## {title}\n\n| field | type | description |\n| --- | --- | --- |"
        for field, schema in document["components"]["schemas"][name]["properties"].items():
            if name != "NewJob" or field not in StyleConfig.model_fields:
                yield _row(f"`{field}`", type_name(schema, document), schema.get("description", ""))
        if name == "NewJob":
            yield PARAMETERS


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"\n### {method.upper()} {path}\n\n{operation['summary']}. {operation['description']}"
    yield f"\n```bash\n{operation['x-codeSamples'][0]['source']}\n```"
    if operation.get("parameters"):
        yield "\n| parameter | in | description |\n| --- | --- | --- |"
        for item in operation["parameters"]:
            yield _row(f"`{item['name']}`", item["in"], item.get("description", ""))
    yield "\n| response | description |\n| --- | --- |"
    yield from (_row(f"`{status}`", answer["description"]) for status, answer in operation["responses"].items())


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "·").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    print(page())
