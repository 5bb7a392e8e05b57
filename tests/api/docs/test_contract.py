"""The OpenAPI document is complete, and the running service keeps to it whatever it is sent."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.settings import ApiSettings
from jobs.settings import JobSettings
from tests.stack.stack import Stack

SECONDS = int(os.environ.get("NST_TEST_CONTRACT_SECONDS", "20"))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(ApiSettings(), JobSettings()).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    paths: dict[str, Any] = document["paths"]
    return [(f"{method} {path}", operation) for path, item in paths.items() for method, operation in item.items()]


def test_every_operation_has_an_id_a_summary_and_a_description(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len(found) == 26
    assert [name for name, item in found if not all(item.get(key) for key in ("summary", "description", "tags"))] == []
    ids = [item["operationId"] for _, item in found]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in ids)


def test_every_operation_has_an_example(document: dict[str, Any]) -> None:
    """A command that calls it, an example of a JSON body, and of each answer that is text."""
    for name, operation in operations(document):
        assert operation["x-codeSamples"][0]["source"], name
        contents = [
            operation.get("requestBody", {}),
            *(operation["responses"][s] for s in ("200", "201", "202") if s in operation["responses"]),
        ]
        for media_type, content in (pair for body in contents for pair in body.get("content", {}).items()):
            if media_type.startswith(("application/json", "text/")):
                assert has_example(content, document), (name, media_type)


def has_example(part: Any, document: dict[str, Any]) -> bool:
    """Tell whether a part of the document, or what it refers to, has an example."""
    if isinstance(part, list):
        return any(has_example(item, document) for item in part)
    if not isinstance(part, dict):
        return False
    if "$ref" in part:
        return has_example(document["components"]["schemas"][part["$ref"].rpartition("/")[2]], document)
    return "example" in part or "examples" in part or has_example(list(part.values()), document)


def test_every_refusal_is_a_problem_document(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names <= set(document["components"]["schemas"])


def test_the_form_offers_every_parameter_with_its_bounds_and_help(document: dict[str, Any]) -> None:
    from api.submission.params import JobOptions
    from nst_engine.spec.config import StyleConfig

    properties = document["components"]["schemas"]["NewJob"]["properties"]
    fields = {**StyleConfig.model_fields, **JobOptions.model_fields}
    for name in (field.alias or name for name, field in fields.items()):
        assert properties[name]["description"]
    assert (properties["max_size"]["minimum"], properties["max_size"]["maximum"]) == (16, 8192)
    assert "waves" in properties["style_name"]["anyOf"][0]["enum"]
    # A client that sends every default would overrule the preset.
    assert [name for name, field in properties.items() if "default" in field] == []


def test_the_example_of_a_job_is_a_job(document: dict[str, Any]) -> None:
    from api.schemas import JobView

    JobView.model_validate(document["components"]["schemas"]["JobView"]["example"], extra="forbid")


def schemathesis(service: Stack, folder: Path, *options: str) -> None:
    """Run all checks against the running service; whatever fails is shown."""
    program = Path(sys.executable).with_name("schemathesis")
    key = service.create_key(operator=True)[1]
    given = ["--checks=all", "--continue-on-failure", "--no-color", f"--header=Authorization: Bearer {key}"]
    done = subprocess.run(
        [str(program), "run", f"{service.url}/openapi.json", *given, *options],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.api.docs.contract_hooks", "PYTHONPATH": str(Path.cwd())},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.acceptance
@pytest.mark.timeout(SECONDS * 8 + 120)
def test_the_service_keeps_its_contract(service: Stack, tmp_path: Path) -> None:
    """Examples, coverage, fuzzing and stateful; NST_TEST_CONTRACT_SECONDS makes it a long run."""
    before = service.api.log.stat().st_size
    for seconds in (SECONDS, 4 * SECONDS):  # a busy machine needs longer for a run that says anything
        schemathesis(service, tmp_path, f"--max-time={seconds}")
        _, statuses = _requests(service.api.log, before)
        if statuses.total() > 40:
            break
    assert statuses.total() > 40
    assert [status for status in statuses if status >= 500] == []


@pytest.mark.acceptance
@pytest.mark.timeout(240)
def test_a_fifth_of_the_generated_creates_is_accepted(service: Stack, tmp_path: Path) -> None:
    """So that more than the refusals is exercised."""
    before = service.api.log.stat().st_size
    schemathesis(service, tmp_path, "--include-operation-id=create_job", "--phases=fuzzing", "--max-examples=30")
    creates, _ = _requests(service.api.log, before)
    sent = creates.total() - creates[401] - creates[405]
    assert sent >= 20
    assert creates[200] + creates[202] >= 0.2 * sent


def _requests(log: Path, start: int) -> tuple[Counter[int], Counter[int]]:
    """Count the statuses of the creates, and of all requests, in the API's log; every line of it is JSON."""
    creates: Counter[int] = Counter()
    statuses: Counter[int] = Counter()
    for line in log.read_bytes()[start:].splitlines():
        event = json.loads(line)
        if event["event"] == "request":
            statuses[event["status"]] += 1
            if (event["method"], event["path"]) == ("POST", "/v1/jobs"):
                creates[event["status"]] += 1
    return creates, statuses
