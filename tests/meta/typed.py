"""What a type checker makes of calls of the public functions: `make lint` reads this, and nothing runs it.

The functions are decorated and take their options as `Unpack[TransferOptions]`; both are easily lost on the way to the
caller. Each `type: ignore` stands for a mistake that has to be found: mypy complains where one is not needed.
"""

from __future__ import annotations

from typing_extensions import assert_type

import modelsync_jupyter as ms


def results(client: ms.Client) -> None:
    """What comes back."""
    assert_type(ms.push("m", threads=4, rate_limit="20MB", context="team"), ms.Outcome)
    assert_type(client.push("m", force=True), ms.Outcome)
    assert_type(ms.pull("m:v1", progress=False), ms.Model)
    assert_type(client.pull("m:v1"), ms.Model)
    assert_type(ms.push_in_background("m"), ms.Transfer)
    assert_type(client.pull_in_background("m"), ms.Transfer)
    assert_type(ms.import_model("m.tar.zst"), ms.Model)
    assert_type(ms.sync("a", "b"), ms.SyncReport)
    assert_type(ms.get("m").size, int)


def mistakes(client: ms.Client) -> None:
    """What must not pass."""
    ms.push("m", treads=4)  # type: ignore[call-arg]
    ms.pull("m", threads="many")  # type: ignore[arg-type]
    client.push("m", force="yes")  # type: ignore[arg-type]
    ms.get(5)  # type: ignore[arg-type]
