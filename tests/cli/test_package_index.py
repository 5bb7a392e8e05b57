from __future__ import annotations

import httpx
import pytest

from cli.errors import CommandError, InputError
from cli.package_index import JSON, file_url

INDEX, WHEEL = "https://index.example/simple", "some_package-1.0-py3-none-any.whl"


def url(content: str | Exception, kind: str = JSON, *, index: str = INDEX, status: int = 200) -> str:
    """Return the URL of the wheel according to an index that answers with `content`."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/simple/some-package/"
        if isinstance(content, Exception):
            raise content
        return httpx.Response(status, content=content, headers={"Content-Type": kind})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return file_url(index, "some-package", WHEEL, client=client)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (f"../../files/{WHEEL}", f"https://index.example/files/{WHEEL}"),
        (f"https://files.example/{WHEEL}", f"https://files.example/{WHEEL}"),
    ],
)
def test_links_are_read_from_json_and_from_html(link: str, expected: str) -> None:
    assert (
        url(f'{{"files": [{{"filename": "other", "url": "x"}}, {{"filename": "{WHEEL}", "url": "{link}"}}]}}')
        == expected
    )
    page = f'<a href="../../files/other">other</a><a href="{link}#sha256=00">{WHEEL}</a>'
    assert url(page, "text/html; charset=utf-8") == f"{expected}#sha256=00"


def test_links_on_the_index_are_followed_with_its_password() -> None:
    page = f'{{"files": [{{"filename": "{WHEEL}", "url": "../../files/{WHEEL}"}}]}}'
    found = url(page, index="https://me:secret@index.example/simple/")
    assert found == f"https://me:secret@index.example/files/{WHEEL}"


def test_an_index_may_have_a_name_as_for_uv() -> None:
    page = f'{{"files": [{{"filename": "{WHEEL}", "url": "{WHEEL}"}}]}}'
    assert url(page, index=f"internal={INDEX}") == f"{INDEX}/some-package/{WHEEL}"


@pytest.mark.parametrize(
    ("content", "kind", "status", "message"),
    [
        ("", JSON, 404, "404 Not Found"),
        ('{"files": []}', JSON, 200, f"has no {WHEEL}"),
        ("<html>Sign in</html>", "text/html", 200, f"has no {WHEEL}"),
        ("[1]", JSON, 200, "is not the page of a package"),
        ("{", JSON, 200, "is not the page of a package"),
        (httpx.ConnectError("refused"), JSON, 200, "refused; name a package index .* with --index-url"),
    ],
)
def test_an_index_without_the_file_is_named_without_its_password(
    content: str | Exception, kind: str, status: int, message: str
) -> None:
    with pytest.raises(CommandError, match=rf"https://index\.example/simple/some-package/.*{message}"):
        url(content, kind, index="https://me:secret@index.example/simple", status=status)


@pytest.mark.parametrize("index", ["file:///srv/simple", "pypi", "https://host:port/"])
def test_an_index_must_be_a_url(index: str) -> None:
    with pytest.raises(InputError, match="--index-url"):
        url("", index=index)
