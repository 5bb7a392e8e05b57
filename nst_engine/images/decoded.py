"""What every decoder returns: pixels of 8 bits a channel, and what the file says of them."""

import struct
from dataclasses import dataclass

from PIL import Image

from nst_engine.images.alpha import WHITE, split_alpha
from nst_engine.images.color import ColorSpace, to_srgb

# What Pillow, tifffile and the decoders behind them raise on bad data; anything else is a bug and should surface.
DECODER_ERRORS = (
    *(struct.error, SyntaxError, ValueError, TypeError, LookupError, OSError, EOFError),
    *(ArithmeticError, RuntimeError, AssertionError),
)

# EXIF's orientations 2 to 8, as what undoes each.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A decoded picture: mode L, RGB, CMYK or LAB, its alpha (mode L), its color and its EXIF orientation."""

    image: Image.Image
    alpha: Image.Image | None = None
    profile: bytes | None = None
    space: ColorSpace | None = None
    orientation: int = 1

    def on_white(self) -> Image.Image:
        """Return the picture upright, in sRGB, its transparent parts on white."""
        return split_alpha(self.with_alpha(), WHITE)[0]

    def with_alpha(self, *, if_opaque: bool = False) -> Image.Image:
        """Return the picture upright, in sRGB: RGBA if a part of it is transparent, else RGB.

        With `if_opaque`, a picture with an alpha channel is RGBA even if all of it is opaque.
        """
        picture = to_srgb(self.image, profile=self.profile, space=self.space)
        if self.alpha is not None and (if_opaque or self.alpha.getextrema() != (255, 255)):
            picture = picture.copy()
            picture.putalpha(self.alpha)
        turn = UPRIGHT.get(self.orientation)
        return picture if turn is None else picture.transpose(turn)
