"""What `urllib3` writes to its debug log about presigned URLs: their paths, not the signatures that open them."""

from __future__ import annotations

import logging
import re

_SIGNED = re.compile(r"\?\S*(?:signature|sig=|token)\S*", re.IGNORECASE)


def hide_signatures() -> None:
    """Cut the queries of presigned URLs out of the log lines of `urllib3`; may be called again."""
    logging.getLogger("urllib3.connectionpool").addFilter(_without_signatures)


def _without_signatures(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_SIGNED.sub("?…", each) if isinstance(each, str) else each for each in record.args)
    return True
