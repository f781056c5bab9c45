"""Interrupt: Ctrl-C ends every command within two seconds."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT
"""Exit status of an interrupted command."""

_PATIENCE = 1.5
"""Seconds for a command to end by itself. What it leaves then is what a killed command leaves,
and the same command resumes it."""


@contextmanager
def prompt_interrupts() -> Iterator[None]:
    """End the process soon after Ctrl-C, and at once after a second one.

    Python handles a signal between two steps of the main thread, but one decomposition of a large
    matrix may take minutes. So a thread of its own hears of the signal and counts the seconds.
    """
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        yield
        return
    receive, send = os.pipe()
    os.set_blocking(send, False)
    interrupted = threading.Event()
    threading.Thread(target=_watch, args=(receive, interrupted), daemon=True).start()
    before = signal.set_wakeup_fd(send)
    try:
        yield
    finally:
        # After Ctrl-C the thread goes on, since Python waits for other threads when it ends.
        if not interrupted.is_set():
            signal.set_wakeup_fd(before)
            os.close(send)


def _watch(receive: int, interrupted: threading.Event) -> None:
    """Wait for SIGINT, and end the process if it does not end by itself."""
    while signals := os.read(receive, 1):
        if signals[0] != signal.SIGINT:
            continue
        if not interrupted.is_set():
            interrupted.set()
            threading.Thread(target=_end_after_patience, daemon=True).start()
        else:
            os._exit(INTERRUPTED)
    os.close(receive)


def _end_after_patience() -> None:
    time.sleep(_PATIENCE)
    print("isorep: interrupted", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
