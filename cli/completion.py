"""Shell completion of arguments that take a name."""


def styles(incomplete: str) -> list[str]:
    """Complete a built-in style; if none matches, the shell completes file names."""
    from nst_engine.paintings import STYLES

    return [name for name in STYLES if name.startswith(incomplete)]


def presets(incomplete: str) -> list[str]:
    """Complete a preset."""
    from nst_engine import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Complete a network."""
    from nst_engine import NETWORKS

    return [name for name in NETWORKS if name.startswith(incomplete)]
