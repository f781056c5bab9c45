"""Fuzz: damaged files, ugly pairs of arrays and odd options of the shell, for as long as you like.

    make fuzz               # ten minutes
    make fuzz SECONDS=60
    python tests/fuzz --case 1234567

Each case is drawn from its number alone, so the printed command repeats it. Bad input may be
refused by a ValueError, TypeError or OSError with a text (in the shell: by one line and exit status
2). A finding is anything else: another exception, a hang, NaN without a reason, or a wrong number.
"""

import argparse
import faulthandler
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from damaged_files import damaged_file
from shell_options import shell_options
from ugly_pairs import ugly_pair

KINDS = (damaged_file, ugly_pair, shell_options)
CASE_SECONDS = 60
MEMORY = 16 * 2**30


def run(case):
    """Run one case; raise what is a finding."""
    rng = np.random.default_rng(case)
    attack = KINDS[case % len(KINDS)]
    folder = Path(tempfile.mkdtemp(prefix="isorep-fuzz-"))
    before = Path.cwd()
    os.chdir(folder)
    if hasattr(signal, "alarm"):
        signal.alarm(CASE_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attack(rng, folder)
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="python tests/fuzz")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--case", type=int, help="run this case alone")
    parser.add_argument("--first", type=int, help="number of the first case; by default the time")
    options = parser.parse_args()
    faulthandler.enable()
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, too_slow)
    limit_memory()
    if options.case is not None:
        run(options.case)
        return
    case = first = int(time.time()) * 1000 if options.first is None else options.first
    end = time.monotonic() + options.seconds
    findings = 0
    while time.monotonic() < end:
        # Should the process die, the last line of this file says in which case.
        Path(tempfile.gettempdir(), "isorep-fuzz-case").write_text(f"{case}\n")
        try:
            run(case)
        except Exception:
            findings += 1
            print(f"\npython tests/fuzz --case {case}")
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
        case += 1
    print(f"{case - first} cases, {findings} findings")
    sys.exit(1 if findings else 0)


def too_slow(*_):
    raise AssertionError(f"it took more than {CASE_SECONDS} s")


def limit_memory():
    """Make a huge array a MemoryError, before the system ends the process."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
