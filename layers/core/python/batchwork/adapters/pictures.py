"""How large an image is, by its first bytes."""

from __future__ import annotations

from io import BytesIO


def measured(beginning: bytes) -> tuple[int, int] | None:
    """Return (width, height) as an image is shown, None where the bytes do not tell."""
    # Needed for images only, and it imports forty modules of the standard library.
    import imagesize

    try:
        width, height = imagesize.get(BytesIO(beginning))
    except Exception:  # noqa: BLE001 -- anybody's bytes: whatever is wrong with them, they tell no size
        return None
    return (int(width), int(height)) if width > 0 and height > 0 else None
