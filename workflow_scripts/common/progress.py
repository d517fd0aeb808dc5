"""Progress of long steps: how far, how fast, how long still."""

import logging
import time

logger = logging.getLogger("atlas")


class Progress:
    """Logs ``done/total unit, rate, time left`` at most every ``interval`` seconds."""

    def __init__(self, total: int, unit: str, interval: float = 5.0) -> None:
        """Start the clock for ``total`` pieces of work called ``unit``."""
        self.total, self.unit, self.interval = total, unit, interval
        self.start = self.last = time.monotonic()
        self.done = self.skipped = 0

    def skip(self, count: int) -> None:
        """Count ``count`` pieces as done before the clock started; they add nothing to the rate."""
        self.done += count
        self.skipped += count

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` more pieces as done; log when the interval is over or all is done.

        Args:
            count: 0 says that the work goes on within a piece; negative, that some is undone.
            note: what else to tell.
        """
        self.done += count
        now = time.monotonic()
        if self.done < self.total and now - self.last < self.interval:
            return
        self.last = now
        logger.info(
            "%s/%s %s, %s%s",
            f"{self.done:,}",
            f"{self.total:,}",
            self.unit,
            self._rate(now),
            f", {note}" if note else "",
        )

    def _rate(self, now: float) -> str:
        """Rate and time left, where something has been done since the clock started."""
        fresh, seconds = self.done - self.skipped, max(now - self.start, 1e-9)
        if fresh <= 0:
            return f"after {clock(seconds)}"
        left = (self.total - self.done) * seconds / fresh
        # The pace of slow units (epochs, files) is given as the time per unit.
        pace = f"{fresh / seconds:,.1f}/s" if fresh > seconds else f"{clock(seconds / fresh)} each"
        return f"{pace}, {clock(left)} left"


def clock(seconds: float) -> str:
    """Readable duration: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
