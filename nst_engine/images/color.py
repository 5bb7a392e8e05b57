"""Colors of a decoded picture, converted to sRGB: by its ICC profile, or by the color space that its metadata names."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from nst_engine.images.writing import srgb_profile
from nst_engine.spec.errors import PictureError

Floats = NDArray[np.float64]
Transfer = Callable[[Floats], Floats]
Chromaticity = tuple[float, float]

D65: Chromaticity = (0.3127, 0.3290)
STRIP_ROWS = 256  # converted at a time, so that a large picture needs no second copy in floating point
REFERENCE_WHITE = 203 / 10_000  # of PQ's 10,000 cd/m²: where diffuse white lies (ITU-R BT.2408)


@dataclass(frozen=True, kw_only=True)
class Primaries:
    """CIE 1931 xy chromaticities of the primaries and of white."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity = D65


@dataclass(frozen=True, kw_only=True)
class ColorSpace:
    """An RGB color space: its primaries, and the function from encoded to linear values in [0, 1].

    `unknown` names a color space that cannot be converted.
    """

    primaries: Primaries
    to_linear: Transfer
    unknown: str = ""


def gamma(exponent: float) -> Transfer:
    """Return a pure power law."""
    return lambda encoded: encoded**exponent


def srgb_to_linear(encoded: Floats) -> Floats:
    """Decode sRGB (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(linear: Floats) -> Floats:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _pq_to_linear(encoded: Floats) -> Floats:
    """Decode SMPTE ST 2084; diffuse white becomes 1."""
    root = encoded ** (1 / 78.84375)
    light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return light / REFERENCE_WHITE


def _hlg_to_linear(encoded: Floats) -> Floats:
    """Decode hybrid log-gamma (ITU-R BT.2100), where 0.75 is diffuse white and becomes 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.where(encoded <= 0.5, encoded**2 / 3, (np.exp((encoded - c) / a) + b) / 12)
    white = (math.exp((0.75 - c) / a) + b) / 12
    return np.asarray(light / white)


def _log_to_linear(decades: float) -> Transfer:
    """Return the inverse of a logarithm of as many decades, in which 0 stands for black."""
    return lambda encoded: np.where(encoded > 0, 10 ** (decades * (encoded - 1)), 0)


def _cinema_to_linear(encoded: Floats) -> Floats:
    """Decode SMPTE ST 428-1, where 48 of 52.37 cd/m² are white."""
    return encoded**2.6 * (52.37 / 48)


SRGB = Primaries(red=(0.64, 0.33), green=(0.30, 0.60), blue=(0.15, 0.06))
SRGB_SPACE = ColorSpace(primaries=SRGB, to_linear=srgb_to_linear)
ADOBE_RGB = ColorSpace(
    primaries=Primaries(red=(0.64, 0.33), green=(0.21, 0.71), blue=(0.15, 0.06)), to_linear=gamma(563 / 256)
)

# ITU-T H.273, tables 2 and 3; 2 is "unspecified", and programs write the reserved 0 for the same.
UNSPECIFIED = (0, 2)
ILLUMINANT_C: Chromaticity = (0.310, 0.316)
SMPTE_170M = Primaries(red=(0.630, 0.340), green=(0.310, 0.595), blue=(0.155, 0.070))
CICP_PRIMARIES = {
    **dict.fromkeys((1, *UNSPECIFIED), SRGB),
    4: Primaries(red=(0.67, 0.33), green=(0.21, 0.71), blue=(0.14, 0.08), white=ILLUMINANT_C),
    5: Primaries(red=(0.64, 0.33), green=(0.29, 0.60), blue=(0.15, 0.06)),
    **dict.fromkeys((6, 7), SMPTE_170M),
    8: Primaries(red=(0.681, 0.319), green=(0.243, 0.692), blue=(0.145, 0.049), white=ILLUMINANT_C),
    9: Primaries(red=(0.708, 0.292), green=(0.170, 0.797), blue=(0.131, 0.046)),
    10: Primaries(red=(1, 0), green=(0, 1), blue=(0, 0), white=(1 / 3, 1 / 3)),  # CIE XYZ
    11: Primaries(red=(0.680, 0.320), green=(0.265, 0.690), blue=(0.150, 0.060), white=(0.314, 0.351)),
    12: Primaries(red=(0.680, 0.320), green=(0.265, 0.690), blue=(0.150, 0.060)),
    22: Primaries(red=(0.630, 0.340), green=(0.295, 0.605), blue=(0.155, 0.077)),
}
# The curves of video (1, 6, 7, 11, 12, 14, 15) are shown with the display's, which is sRGB's, as viewers do.
CICP_TRANSFERS: dict[int, Transfer] = {
    **dict.fromkeys((1, *UNSPECIFIED, 6, 7, 11, 12, 13, 14, 15), srgb_to_linear),
    4: gamma(2.2),
    5: gamma(2.8),
    8: gamma(1.0),
    9: _log_to_linear(2),
    10: _log_to_linear(2.5),
    16: _pq_to_linear,
    17: _cinema_to_linear,
    18: _hlg_to_linear,
}


def cicp(primaries: int, transfer: int) -> ColorSpace | None:
    """Return the color space of a pair of H.273 code points; None for a pair that says nothing."""
    if primaries in UNSPECIFIED and transfer in UNSPECIFIED:
        return None
    known, curve = CICP_PRIMARIES.get(primaries), CICP_TRANSFERS.get(transfer)
    if known is None or curve is None:
        name = f"CICP primaries {primaries} and transfer {transfer}"
        return ColorSpace(primaries=SRGB, to_linear=srgb_to_linear, unknown=name)
    return ColorSpace(primaries=known, to_linear=curve)


def to_srgb(image: Image.Image, *, profile: bytes | None, space: ColorSpace | None) -> Image.Image:
    """Return an 8-bit picture as sRGB: by its profile, or if there is no usable one, by the space metadata names."""
    if image.mode == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if profile == srgb_profile():
        return image.convert("RGB")
    converted = _by_profile(image, profile) if profile else None
    if converted is not None:
        return converted
    rgb = image.convert("RGB")
    if space is None or space == SRGB_SPACE or image.mode == "CMYK":
        return rgb
    if space.unknown:
        message = f"pictures in the color space of {space.unknown} cannot be read; use sRGB"
        raise PictureError("picture_unsupported", message)
    return _by_space(rgb, space)


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert by an ICC profile; None if it is broken or for other channels, which is no reason to refuse a picture."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
        fitted = _fitted(image, source.profile.xcolor_space.strip())
        return ImageCms.profileToProfile(fitted, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _fitted(image: Image.Image, channels: str) -> Image.Image:
    """Return grays in the channels of a profile; a picture with colors stays as it is."""
    if image.mode == "L" and channels == "RGB":
        return image.convert("RGB")
    if image.mode == "RGB" and channels == "GRAY":
        red, green, blue = image.split()
        is_gray = all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))
        return red if is_gray else image
    return image


def _by_space(image: Image.Image, space: ColorSpace) -> Image.Image:
    linear = space.to_linear(np.arange(256) / 255).astype(np.float32)
    matrix = (np.linalg.inv(_to_xyz(SRGB)) @ _adapted(_to_xyz(space.primaries), space.primaries.white)).T
    encoded = np.round(_linear_to_srgb(np.arange(65536) / 65535) * 255).astype(np.uint8)
    converted = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))
        light = linear[np.asarray(strip)] @ matrix.astype(np.float32)  # (rows, W, 3)
        levels = (np.clip(light, 0, 1) * 65535 + 0.5).astype(np.uint16)
        converted.paste(Image.fromarray(encoded[levels]), (0, top))
    return converted


def _xyz(point: Chromaticity) -> Floats:
    x, y = point
    return np.array([x, y, 1 - x - y])


def _white(point: Chromaticity) -> Floats:
    """Return the XYZ of a white of luminance 1."""
    return _xyz(point) / point[1]


def _to_xyz(primaries: Primaries) -> Floats:
    """Return the matrix from linear RGB to CIE XYZ, (3, 3)."""
    columns = np.stack([_xyz(primaries.red), _xyz(primaries.green), _xyz(primaries.blue)], axis=1)
    scaled: Floats = columns * np.linalg.solve(columns, _white(primaries.white))
    return scaled


def _adapted(to_xyz: Floats, white: Chromaticity) -> Floats:
    """Adapt XYZ under another white to D65 (Bradford)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gains = (bradford @ _white(D65)) / (bradford @ _white(white))
    adapted: Floats = np.linalg.inv(bradford) @ np.diag(gains) @ bradford @ to_xyz
    return adapted
