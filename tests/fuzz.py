"""Fit cases that nobody thought of, and look whether what must hold does.

    python tests/fuzz.py --minutes 1 --seed 0     # cases 0, 1, 2, ... of a seed
    python tests/fuzz.py --case 12                # one of them, here, with traceback

The cases run in a child process, so that a crash or a hang is a finding like any other.
What a fit has warned of is counted, and makes the command fail only with --strict.
tests/fuzz_cases.py draws the cases, tests/oracles.py judges them; every fourth case is
of tests/fuzz_families.py.
"""

import argparse
import faulthandler
import json
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CASES = 1_000_000  # of a seed
LIMIT = (
    60  # seconds of the processor for a case, or it hangs; ten times as many by clock
)


def run(number):
    """What is wrong with a case, as [kind, text, is warned of]."""
    from tests import fuzz_cases, fuzz_families, oracles

    if number % 4 == 3:
        draw, judge = fuzz_families.draw, fuzz_families.judge
    else:
        draw, judge = fuzz_cases.draw, oracles.judge
    case = draw(number)
    try:
        findings = judge(case)
    except Exception:  # of the oracles
        return str(case), [["broken oracle", traceback.format_exc(), False]]
    silent = [[kind, text, False] for kind, text in findings]
    return str(case), silent + [[kind, text, True] for kind, text in findings.loud]


def limit(seconds):
    """End the process with a traceback after so long; 0 for never.

    A machine that does other things too must not make hangs of slow cases, hence the
    time of the processor; a deadlock takes none, hence the other clock.
    """
    faulthandler.cancel_dump_traceback_later()
    if seconds:
        faulthandler.dump_traceback_later(10 * seconds, exit=True)
    if hasattr(signal, "SIGVTALRM"):
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def work(first):
    """The child: a line for each case, before and after, until the parent ends it."""
    faulthandler.enable()
    if hasattr(signal, "SIGVTALRM"):  # not on Windows
        faulthandler.register(signal.SIGVTALRM, chain=True)
    number = first
    while True:
        print(json.dumps({"start": number}), flush=True)
        limit(LIMIT)
        begin = time.process_time()
        text, findings = run(number)
        limit(0)
        seconds = time.process_time() - begin
        done = {"done": number, "case": text, "findings": findings, "seconds": seconds}
        print(json.dumps(done), flush=True)
        number += 1


class Fuzzer:
    """The parent: it starts children, counts, and prints what they find."""

    def __init__(self, options):
        self.number = options.seed * CASES
        self.deadline = time.monotonic() + 60 * options.minutes
        self.most = options.cases
        self.log = options.log
        self.kinds, self.loud, self.count, self.slow = Counter(), Counter(), 0, []

    def run(self):
        while self._is_time() and self._is_room():
            self._one_child()

    def _is_time(self):
        return time.monotonic() < self.deadline

    def _is_room(self):
        return self.most is None or self.count < self.most

    def _one_child(self):
        command = [sys.executable, __file__, "--work", str(self.number)]
        with tempfile.TemporaryFile("w+") as stderr:
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
            with child:
                has_ended = self._listen(child)
                child.kill()
            stderr.seek(0)
            self._note_stderr(stderr.read(), has_ended, child.returncode)

    def _listen(self, child):
        """Note what the child says; whether it has ended by itself."""
        for line in child.stdout:
            message = json.loads(line)
            if "done" in message:
                self._note(message)
            if not (self._is_time() and self._is_room()):
                return False
        return True

    def _note_stderr(self, text, has_ended, code):
        findings = [
            ["undefined behaviour", line, False]
            for line in sorted(set(text.splitlines()))
            if "runtime error" in line  # of a build with -fsanitize=undefined
        ]
        if has_ended:
            is_late = "Timeout" in text or code == -signal.SIGVTALRM
            findings.append(["hang" if is_late else "crash", text[-3000:], False])
        if findings:
            done = {"done": self.number - (not has_ended), "case": "", "seconds": 0}
            self._note({**done, "findings": findings})

    def _note(self, message):
        self.count += 1
        self.number = message["done"] + 1
        for kind, text, warned in message["findings"]:
            (self.loud if warned else self.kinds)[kind] += 1
            if not warned or self.log:
                said = "warned" if warned else "SILENT"
                line = f"{said} {kind}: {text}\n    {message['case']}"
                line += f"\n    python tests/fuzz.py --case {message['done']}"
                print(line, file=None if not warned else self.log, flush=True)
                if self.log and not warned:
                    print(line, file=self.log, flush=True)
        if message["seconds"] > 5:
            self.slow.append((round(message["seconds"], 1), message["done"]))

    def report(self):
        print(f"{self.count} cases, next {self.number}")
        for name, kinds in (("silent", self.kinds), ("warned", self.loud)):
            for kind, count in kinds.most_common():
                print(f"{count:6d}  {name}: {kind}")
        for seconds, number in sorted(self.slow, reverse=True)[:10]:
            print(f"{seconds:6.1f} s  --case {number}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, help="at most so many")
    parser.add_argument("--case", type=int, help="one case, in this process")
    parser.add_argument(
        "--strict", action="store_true", help="fail on warned ones, too"
    )
    parser.add_argument("--log", type=argparse.FileType("a"), help="warned ones, too")
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        return work(options.work)
    if options.case is not None:
        text, findings = run(options.case)
        print(text)
        for kind, words, warned in findings:
            print("warned" if warned else "SILENT", f"{kind}: {words}")
        return bool(findings)
    fuzzer = Fuzzer(options)
    fuzzer.run()
    fuzzer.report()
    return bool(fuzzer.kinds or (options.strict and fuzzer.loud))


if __name__ == "__main__":
    sys.exit(main())
