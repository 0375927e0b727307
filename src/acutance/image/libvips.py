"""What reading and writing by libvips share: its settings, its errors, the names of spaces."""

import pyvips

pyvips.cache_set_max(0)  # what it remembers keeps the temporary files of large pictures open


def with_space(image: pyvips.Image) -> pyvips.Image:
    """The same pixels, named gray or RGB by what they are."""
    gray, deep = image.bands < 3, image.format == "ushort"
    names = ("b-w", "grey16") if gray else ("srgb", "rgb16")
    return image.copy(interpretation=names[deep])


def reason(error: pyvips.Error) -> str:
    """What the system says, else the last line in words of what libvips says of itself."""
    lines = [line.strip() for line in str(error).splitlines()[1:]]
    worded = [line for line in lines if any(c.isalpha() for c in line)]
    for line in worded:
        if line.startswith("system error: ") and "Unknown error" not in line:
            return line.removeprefix("system error: ")
    return worded[-1] if worded else "libvips does not say why"
