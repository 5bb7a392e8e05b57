"""Writing pictures: PNG, JPEG, WebP and TIFF with an sRGB profile and the run's parameters in the file."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from nst_engine.images.alpha import WHITE, split_alpha
from nst_engine.spec.errors import ConfigError, PictureError
from nst_engine.version import __version__

if TYPE_CHECKING:
    import numpy as np

    Array16 = np.ndarray[Any, np.dtype[np.uint16]]

METADATA_KEY = "nst"
# IPTC Photo Metadata Standard, "Digital Source Type": a photo that was changed with the help of a trained network.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP_TAG = 700  # of TIFF
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """Name a format that pictures are written in."""

    name: str
    media_type: str
    suffix: str
    quality: int | None
    alpha: bool = True


WRITABLE: Mapping[str, FileFormat] = {
    "png": FileFormat(name="png", media_type="image/png", suffix=".png", quality=None),
    "jpeg": FileFormat(name="jpeg", media_type="image/jpeg", suffix=".jpg", quality=92, alpha=False),
    "webp": FileFormat(name="webp", media_type="image/webp", suffix=".webp", quality=90),
    "tiff": FileFormat(name="tiff", media_type="image/tiff", suffix=".tif", quality=None),
}


@cache
def srgb_profile() -> bytes:
    """Return an sRGB ICC profile; the same bytes at any time, so that equal pictures are equal files."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07ea00010001000000000000")  # the date of creation
    profile[84:100] = bytes(16)  # the profile's own checksum: zero says not computed
    return bytes(profile)


def encode(
    image: Image.Image,
    name: str,
    *,
    alpha: Image.Image | None = None,
    quality: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    mark: bool = False,
) -> bytes:
    """Write a picture as a file of the named format (a key of WRITABLE); quality (1..100) is for JPEG and WebP.

    `alpha` (mode L) is resized to the picture and becomes its alpha channel. A format without one gets white.
    With `mark`, the file says in XMP that a trained network made the picture (SOURCE_TYPE).
    """
    if name not in WRITABLE:
        raise PictureError("format_unknown", f"unknown format {name!r}; one of {', '.join(WRITABLE)}")
    if quality is not None and WRITABLE[name].quality is None:
        raise ConfigError(f"quality: {name} is lossless; leave it out, or write jpeg or webp")
    quality = quality or WRITABLE[name].quality
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    if name == "png":
        options |= {"pnginfo": _png_text(metadata, mark), "compress_level": 6}
    elif name == "tiff":
        options |= {"tiffinfo": _tiff_tags(metadata, mark), "compression": "tiff_adobe_deflate"}
    else:
        options |= {"quality": quality, "exif": exif_of(metadata)} | _xmp(mark)
    if name == "jpeg":
        options |= {"subsampling": 0 if (quality or 0) >= 90 else 2, "optimize": True}
    file = io.BytesIO()
    _with_alpha(image, alpha, WRITABLE[name]).save(file, name.upper(), **options)
    return file.getvalue()


def _with_alpha(image: Image.Image, alpha: Image.Image | None, file_format: FileFormat) -> Image.Image:
    if alpha is not None:
        image = image.convert("RGB")
        image.putalpha(alpha.resize(image.size, Image.Resampling.LANCZOS))
    if image.mode == "RGBA" and file_format.alpha:
        return image
    return split_alpha(image, WHITE)[0].convert("RGB")


def encode16(
    array: "Array16",
    *,
    alpha: Image.Image | None = None,
    metadata: Mapping[str, Any] | None = None,
    mark: bool = False,
) -> bytes:
    """Write (H, W, 3) uint16 sRGB values as a 16-bit TIFF; for `alpha` and `mark` see `encode`."""
    import numpy as np
    import tifffile

    if alpha is not None:
        height, width = array.shape[:2]
        channel = np.asarray(alpha.resize((width, height), Image.Resampling.LANCZOS), dtype=np.uint16) * 257
        array = np.concatenate((array, channel[..., None]), axis=2)
    file, xmp = io.BytesIO(), XMP.encode()
    tifffile.imwrite(
        file,
        array,
        photometric="rgb",
        extrasamples=None if alpha is None else ["unassalpha"],
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=metadata_text(metadata) if metadata is not None else None,
        software=_software(),
        extratags=[(XMP_TAG, tifffile.DATATYPE.BYTE, len(xmp), xmp, True)] if mark else [],
        metadata=None,
    )
    return file.getvalue()


def timelapse(
    frames: Iterable[Image.Image],
    *,
    milliseconds: int = 80,
    hold: int = 2000,
    quality: int = 80,
    metadata: Mapping[str, Any] | None = None,
    mark: bool = False,
) -> bytes:
    """Write frames as an animated WebP of the last one's size, which stays on for `hold` milliseconds."""
    pictures = [frame.convert("RGB") for frame in frames]
    if not pictures:
        raise PictureError("no_frames", "a time-lapse needs at least one frame")
    size = pictures[-1].size
    pictures = [picture.resize(size, Image.Resampling.BICUBIC) for picture in pictures]
    durations = [milliseconds] * (len(pictures) - 1) + [hold]
    file = io.BytesIO()
    first, *rest = pictures
    options: dict[str, Any] = {"exif": exif_of(metadata)} if metadata is not None else {}
    options |= {"duration": durations, "loop": 0, "quality": quality, "method": 2} | _xmp(mark)
    first.save(file, "WEBP", save_all=True, append_images=rest, **options)
    return file.getvalue()


def read_metadata(data: bytes) -> dict[str, Any] | None:
    """Return the parameters that encode or encode16 wrote into a file, or None."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "TIFF")) as image:
        if image.format == "PNG":
            image.load()
            text: object = image.info.get(METADATA_KEY)
        elif image.format == "TIFF":
            text = image.getexif().get(ExifTags.Base.ImageDescription)
        else:
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
            text = comment[8:].decode("ascii", "replace") if isinstance(comment, bytes) else comment
    try:
        found = json.loads(str(text))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_marked(data: bytes) -> bool:
    """Tell whether a file says that a trained network made the picture."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "TIFF")) as image:
        xmp = image.info.get("xmp", b"")
    return SOURCE_TYPE in (xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp))


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Return the parameters as the JSON that files contain."""
    return json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"))


def _software() -> str:
    return f"nst {__version__}"


def _xmp(mark: bool) -> dict[str, bytes]:
    return {"xmp": XMP.encode()} if mark else {}


def _png_text(metadata: Mapping[str, Any] | None, mark: bool) -> PngInfo:
    info = PngInfo()
    info.add_itxt("Software", _software())
    if metadata is not None:
        info.add_itxt(METADATA_KEY, metadata_text(metadata))
    if mark:
        info.add_itxt("XML:com.adobe.xmp", XMP)
    return info


def _tiff_tags(metadata: Mapping[str, Any] | None, mark: bool) -> dict[int, str | bytes]:
    tags: dict[int, str | bytes] = {int(ExifTags.Base.Software): _software()}
    if mark:
        tags[XMP_TAG] = XMP.encode()
    if metadata is not None:
        tags[int(ExifTags.Base.ImageDescription)] = metadata_text(metadata)
    return tags


def exif_of(metadata: Mapping[str, Any] | None) -> bytes:
    """Return Exif with the program and the parameters."""
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = _software()
    if metadata is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0" + metadata_text(metadata).encode(
            "ascii"
        )
    return exif.tobytes()
