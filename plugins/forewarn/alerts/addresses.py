"""What a mail server can be given as an address without quoting: anything stranger is shown to a person instead."""

import re

ADDRESS = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+\.?[^\s@<>()\[\]\\,;:\"]*"
)


def is_address(text: str | None) -> bool:
    """Tell whether a text can be given to a mail server as an address."""
    return text is not None and len(text) <= 254 and ADDRESS.fullmatch(text) is not None
