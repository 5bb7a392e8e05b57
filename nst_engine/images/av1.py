"""The color space in the sequence header of an AV1 stream (AV1 Bitstream & Decoding Process Specification, 5.5)."""

SEQUENCE_HEADER = 1  # a type of OBU
HIGH_LEVEL = 7  # above it, a tier follows


class _Bits:
    """Reads a big-endian stream of bits; raises IndexError at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int = 1) -> int:
        value = 0
        for at in range(self._at, self._at + count):
            value = value << 1 | (self._data[at // 8] >> (7 - at % 8)) & 1
        self._at += count
        return value

    def flag(self) -> bool:
        return self.take() == 1

    def skip_exponential(self) -> None:
        zeros = 0
        while not self.flag():
            zeros += 1
        self.take(zeros)


def color_codes(stream: bytes) -> tuple[int, int] | None:
    """Return primaries and transfer as H.273 code points; None if the stream names none. Raises IndexError."""
    at = 0
    while at < len(stream):
        kind, extended, sized = stream[at] >> 3 & 15, stream[at] & 4, stream[at] & 2
        at += 2 if extended else 1
        size, at = _leb128(stream, at) if sized else (len(stream) - at, at)
        if kind == SEQUENCE_HEADER:
            return _of_sequence_header(_Bits(stream[at : at + size]))
        at += size
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, least significant first, and where it ends."""
    value = 0
    for place in range(8):
        value |= (data[at + place] & 127) << 7 * place
        if data[at + place] < 128:
            return value, at + place + 1
    raise IndexError


def _of_sequence_header(bits: _Bits) -> tuple[int, int] | None:
    profile, _, is_reduced = bits.take(3), bits.flag(), bits.flag()
    if is_reduced:
        bits.take(5)  # the level
    else:
        _skip_timing(bits)
    width, height = bits.take(4) + 1, bits.take(4) + 1
    bits.take(width + height)
    if not is_reduced and bits.flag():
        bits.take(7)  # lengths of frame ids
    bits.take(3)  # superblocks, filters within frames
    if not is_reduced:
        _skip_tools(bits)
    bits.take(3)  # superresolution, CDEF, restoration
    if bits.flag() and profile == 2:  # more than 8 bits
        bits.take()  # 12 bits
    if profile != 1:
        bits.take()  # monochrome
    return (bits.take(8), bits.take(8)) if bits.flag() else None


def _skip_timing(bits: _Bits) -> None:
    """Skip timing, the decoder model and the operating points."""
    delay = 0
    if bits.flag():
        bits.take(64)
        if bits.flag():
            bits.skip_exponential()
        if bits.flag():
            delay = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_display_delay = bits.flag()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > HIGH_LEVEL:
            bits.take()
        if delay and bits.flag():
            bits.take(2 * delay + 1)
        if has_display_delay and bits.flag():
            bits.take(4)


def _skip_tools(bits: _Bits) -> None:
    """Skip the tools of coding between frames."""
    bits.take(4)  # kinds of prediction
    has_order = bits.flag()
    if has_order:
        bits.take(2)
    forces_screen_tools = 2 if bits.flag() else bits.take()
    if forces_screen_tools and not bits.flag():
        bits.take()
    if has_order:
        bits.take(3)
