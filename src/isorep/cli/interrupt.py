"""Interrupt: Ctrl-C ends every command within two seconds."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    interrupted = False
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(*arguments: Any) -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(INTERRUPTED)
        interrupted = True
        if callable(handler):
            handler(*arguments)

    threading.Thread(target=_watch, args=(receive,), daemon=True).start()
    before = signal.set_wakeup_fd(send)
    if callable(handler):  # a command in the background may ignore Ctrl-C
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        # After Ctrl-C the thread goes on, since Python waits for other threads when it ends.
        if not interrupted:
            if callable(handler):
                signal.signal(signal.SIGINT, handler)
            signal.set_wakeup_fd(before)
            os.close(send)


def _watch(receive: int) -> None:
    """Wait for SIGINT, and end the process if it does not end by itself, or at a second one."""
    interrupted = False
    while signals := os.read(receive, 1):
        if signals[0] != signal.SIGINT:
            continue
        if interrupted:
            os._exit(INTERRUPTED)
        interrupted = True
        threading.Thread(target=_end_after_patience, daemon=True).start()
    os.close(receive)


def _end_after_patience() -> None:
    time.sleep(_PATIENCE)
    print("isorep: interrupted", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
