"""What a shell offers for an argument that the user has begun."""


def styles(incomplete: str) -> list[str]:
    """Return the built-in styles that begin so; where there is none the shell offers files."""
    from nst_engine.paintings import STYLES

    return [name for name in STYLES if name.startswith(incomplete)]


def presets(incomplete: str) -> list[str]:
    """Return the presets that begin so."""
    from nst_engine.spec.presets import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Return the networks that begin so."""
    from nst_engine.spec.layers import NETWORKS

    return [name for name in NETWORKS if name.startswith(incomplete)]
