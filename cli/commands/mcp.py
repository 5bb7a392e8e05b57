"""`nst mcp`: tools for agents over the Model Context Protocol."""

from cli.commands.jobs import KEY, SERVER


def mcp(server: str | None = SERVER, key: str | None = KEY) -> None:
    """Serve tools of a running service to an agent, over stdio (Model Context Protocol).

    The tools list styles and presets, stylize a picture (a file, or a URL), and return a job's status and its result.

    The API serves the same tools at /mcp, except for files. This needs the extra `mcp`.

    \b
    $ nst mcp --server http://127.0.0.1:8000
    """
    from api.mcp.tools import make_server
    from cli.settings import ConnectionSettings, load_settings
    from nst_client import AsyncClient

    settings = load_settings(ConnectionSettings, server=server, api_key=key)
    secret = settings.api_key.get_secret_value() if settings.api_key else None
    make_server(lambda _: AsyncClient(settings.server, key=secret), files=True).run("stdio")
