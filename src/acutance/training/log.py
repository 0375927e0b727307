"""The log of a run: JSON lines, one object a line, and TensorBoard where it is installed."""

import json
import time
from pathlib import Path
from typing import Any


class RunLog:
    """Appends to ``log.jsonl`` and, if the tensorboard package is there, to ``tensorboard/``.

    ``run`` is None in all processes of a run but the first: they write nothing.
    """

    def __init__(self, run: Path | None) -> None:
        self._path = run / "log.jsonl" if run else None
        self._board: Any = None
        if run is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(run / "tensorboard"))
        except ImportError:
            pass  # an extra; the JSON lines hold the same numbers

    def write(self, kind: str, step: int, **values: Any) -> None:
        """One line: ``{"kind": ..., "step": ..., "time": seconds since 1970, ...}``."""
        if self._path is None:
            return
        line = {"kind": kind, "step": step, "time": round(time.time(), 1), **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        if self._board is not None:
            self._board.close()
