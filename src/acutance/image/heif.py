"""AVIF and HEIC files, by the first box of the ISO base media file format (ISO/IEC 23008-12)."""

from pathlib import Path

BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"mif1", b"msf1")


def is_heif(path: Path) -> bool:
    """Whether it is an AVIF or HEIC file; False also where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head[4:8] == b"ftyp" and head[8:] in BRANDS
