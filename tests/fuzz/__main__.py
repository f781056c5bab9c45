"""Fuzz: damaged files, ugly pairs of arrays and odd options of the shell, for as long as you like.

    make fuzz               # ten minutes
    make fuzz SECONDS=60
    python tests/fuzz --case 1234567

Each case is drawn from its number alone, so the printed command repeats it. Bad input may be
refused by a ValueError, TypeError or OSError with a text (in the shell: by one line and exit status
2). A finding is anything else: another exception, a hang, NaN without a reason, a wrong number, or
a process that crashes. Processes of 100 cases each follow each other, so a crash, at the end of a
process too, is found with its cases and what was alive.
"""

import argparse
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
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
# Of processor time: on a busy machine the first import of PyTorch may take a minute, and a library
# whose import was interrupted can crash the process later.
CASE_SECONDS = 60
CASES_OF_A_PROCESS = 100
MEMORY = 16 * 2**30


def run(case):
    """Run one case; raise what is a finding."""
    rng = np.random.default_rng(case)
    attack = KINDS[case % len(KINDS)]
    folder = Path(tempfile.mkdtemp(prefix="isorep-fuzz-"))
    before = Path.cwd()
    os.chdir(folder)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attack(rng, folder)
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


class TooSlow(BaseException):
    """No Exception, which readers of files turn into a refusal."""


def main():
    parser = argparse.ArgumentParser(prog="python tests/fuzz")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--case", type=int, help="run this case alone")
    parser.add_argument("--first", type=int, help="number of the first case; by default the time")
    parser.add_argument("--cases", type=int, help="run this many cases in this process")
    options = parser.parse_args()
    first = int(time.time()) * 1000 if options.first is None else options.first
    if options.case is not None:
        prepare()
        run(options.case)
        return
    if options.cases is not None:
        prepare()
        sys.exit(run_cases(first, options.cases, options.seconds))
    end = time.monotonic() + options.seconds
    case = first
    findings = 0
    with tempfile.TemporaryDirectory(prefix="isorep-fuzz-") as folder:
        while (seconds := end - time.monotonic()) > 0:
            n_cases, n_findings = run_process(case, seconds, folder)
            case += n_cases
            findings += n_findings
    print(f"{case - first} cases, {findings} findings")
    sys.exit(1 if findings else 0)


def run_process(first, seconds, folder):
    """Run the next cases in a process; return how many began, and the number of findings."""
    words = f"--first {first} --cases {CASES_OF_A_PROCESS}"
    log = Path(folder, str(first))
    command = [
        sys.executable,
        str(Path(__file__).parent),
        *words.split(),
        "--seconds",
        f"{seconds}",
    ]
    with log.open("wb") as file:
        try:
            patience = seconds + 10 * CASE_SECONDS  # for a hang that takes no processor time
            process = subprocess.run(command, stdout=file, check=False, timeout=patience)
            status = process.returncode
        except subprocess.TimeoutExpired:
            status = "unknown, since it hung,"
    lines = log.read_text(errors="replace").splitlines()
    n_cases = sum(line.startswith("case ") for line in lines)
    n_findings = sum(line.startswith("python tests/fuzz --case ") for line in lines)
    is_crash = status != min(n_findings, 1)
    if is_crash:
        print(f"\npython tests/fuzz {words}\nended with status {status} after {lines[-1:]}")
    if n_findings:
        print("\n".join(line for line in lines if not line.startswith(("case ", "end: "))))
    sys.stdout.flush()
    return max(n_cases, 1), n_findings + is_crash


def run_cases(first, n, seconds):
    """Run cases in this process and print each; return its exit status."""
    end = time.monotonic() + seconds
    status = 0
    for case in range(first, first + n):
        if time.monotonic() > end:
            break
        print(f"case {case}", flush=True)
        try:
            run(case)
        except (Exception, TooSlow):
            status = 1
            print(f"\npython tests/fuzz --case {case}")
            traceback.print_exc(file=sys.stdout)
    print(f"end: {what_is_alive()}", flush=True)
    return status


def what_is_alive():
    """Return what a crash at the end of Python could come from."""
    alive = {"threads": [thread.name for thread in threading.enumerate()]}
    if "h5py" in sys.modules:
        h5f = sys.modules["h5py"].h5f
        alive["open HDF5 files"] = h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_FILE)
    return alive


def prepare():
    """Make a crash, a hang and a huge array errors with a text."""
    faulthandler.enable()
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGPROF, too_slow)
    limit_memory()


def too_slow(*_):
    raise TooSlow(f"it took more than {CASE_SECONDS} s of processor time")


def limit_memory():
    """Make a huge array a MemoryError, before the system ends the process."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
