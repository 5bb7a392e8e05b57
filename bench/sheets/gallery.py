"""The sheets of docs/gallery.md: `python -m bench.sheets.gallery [SHEET ...]`; without an argument, all of them.

Each sheet is one call of `nst sweep` with the project's own pictures, so that anybody can make it again.
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from cli.main import main as nst

SIZE, STEPS = 192, 150


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sheet, and the arguments of the `nst sweep` that makes it; {cat}, {face} and {rest} are pictures."""

    name: str
    title: str
    text: str
    arguments: str


SHEETS = (
    Sheet(
        name="strength",
        title="Strength",
        text="The most useful parameter: 0 is nearly the photo, 0.5 keeps the preset's balance, 1 is nearly all style.",
        arguments="{cat} flow-strokes --over strength=0,0.25,0.5,0.75,1",
    ),
    Sheet(
        name="styles",
        title="Style scale",
        text="The size of the painting relative to the photo. A smaller painting gives finer strokes.",
        arguments="{cat} flow-strokes --over style_scale=0.35,0.6,1,1.6",
    ),
    Sheet(
        name="color",
        title="Preserving color",
        text="`luminance` keeps the photo's colors exactly. `linear` gives the painting the photo's palette first.",
        arguments="{cat} flow-strokes --over preserve_color=none,luminance,linear",
    ),
    Sheet(
        name="blend",
        title="Blending styles",
        text="Two paintings with different weights.",
        arguments='{cat} waves stained-glass --over "style_blend=1,0;3,1;1,1;1,3;0,1"',
    ),
    Sheet(
        name="masks",
        title="Masks",
        text="One painting for the cat's face, another for the rest. Each painting applies where its mask is white.",
        arguments="{cat} stained-glass waves --mask {face} --mask {rest} --over strength=0.4,0.6",
    ),
    Sheet(
        name="starting-points",
        title="Starting points",
        text="How the starting point of the optimization shows in the result, at three style weights.",
        arguments="{cat} flow-strokes --preset cnn-explorer --model lite --steps 400 "
        "--over style_weight=3e3,3e4,3e5 --over init=content,style,gaussian,uniform",
    ),
    Sheet(
        name="steps",
        title="Steps",
        text="How the picture changes with the number of steps.",
        arguments="{cat} flow-strokes --over steps=10,30,100,300",
    ),
    Sheet(
        name="networks",
        title="Networks",
        text="The same parameters on two networks. The second needs `nst weights pull squeezenet1_1` once.",
        arguments="{cat} flow-strokes --over model=lite,squeezenet1_1 --over strength=0.3,0.5,0.7",
    ),
    Sheet(
        name="content-layer",
        title="Content layer",
        text="The deeper the content layer, the more the style may distort shapes.",
        arguments="{cat} flow-strokes --over content_layers=relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
    ),
    Sheet(
        name="style-layers",
        title="Style layers",
        text="The first layer alone gives colors; more layers add strokes, then larger shapes.",
        arguments="{cat} flow-strokes --over "
        '"style_layers=relu1_1;relu1_1,relu2_1;relu1_1,relu2_1,relu3_1;relu1_1,relu2_1,relu3_1,relu4_1;'
        'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"',
    ),
)


def main() -> None:
    """Make the sheets that were asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [sheet.name for sheet in SHEETS]
    parser.add_argument("sheets", nargs="*", metavar="SHEET", help=f"any of {', '.join(names)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    for sheet in SHEETS:
        if not options.sheets or sheet.name in options.sheets:
            make(sheet.arguments, options.out / "images" / "gallery" / f"{sheet.name}.jpg")
    (options.out / "gallery.md").write_text(page())


def make(arguments: str, output: Path, *, size: int = SIZE, steps: int = STEPS) -> None:
    """Make one sheet with `nst sweep`, in cells of `size` px."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = pictures(Path(folder))
        words = [word.format(**files) for word in shlex.split(complete(arguments, size, steps))]
        code = nst(["sweep", *words, "-o", str(output), "--overwrite", "-q"])
    if code:
        raise SystemExit(f"{output.stem}: nst sweep ended with {code}")


def complete(arguments: str, size: int, steps: int) -> str:
    """Add the size, and the steps if the arguments do not set them."""
    return f"{arguments} --max-size {size}" + ("" if "steps" in arguments else f" --steps {steps}")


def pictures(folder: Path) -> dict[str, str]:
    """Write the pictures that the sheets name, and return their paths."""
    cat = Image.fromarray(data.chelsea()).convert("RGB")  # type: ignore[no-untyped-call]
    face = Image.new("L", cat.size)
    ImageDraw.Draw(face).ellipse((120, 30, 350, 260), fill=255)
    face = face.filter(ImageFilter.GaussianBlur(12))
    made = {"cat": cat, "face": face, "rest": Image.eval(face, lambda value: 255 - value)}
    for name, picture in made.items():
        picture.save(folder / f"{name}.png")
    return {name: str(folder / f"{name}.png") for name in made}


def page() -> str:
    """Return docs/gallery.md."""
    tag = "<!-- not run: `make gallery` runs them all and takes a while -->"
    text = "Each sheet of pictures is the output of one `nst sweep`. `make gallery` runs them all."
    parts = [f"# Gallery\n\n{tag}\n\n{text}\n"]
    files = {name: f"{name}.png" for name in ("cat", "face", "rest")}
    for sheet in SHEETS:
        command = f"nst sweep {complete(sheet.arguments, SIZE, STEPS).format(**files)} -o {sheet.name}.jpg"
        picture = f"![{sheet.title}](images/gallery/{sheet.name}.jpg)"
        parts.append(f"## {sheet.title}\n\n{sheet.text}\n\n{picture}\n\n```bash\n{command}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
