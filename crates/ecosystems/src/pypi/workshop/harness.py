"""Runs a project's tests inside the sandbox and writes down how each one ended.

    harness.py pytest SECONDS [ARGUMENT]...
    harness.py script SECONDS PATH [ARGUMENT]...

The working folder is the source tree. One JSON object a line goes to /build/out/tests.jsonl as soon as it is known, so
that a run which is cut off has said what it found. Nothing is read from what the tests print. Python 3.6 is the oldest
that runs this.
"""
import io
import json
import os
import runpy
import signal
import sys
import time

OUT = "/build/out/tests.jsonl"
# One test: what waits for a network that is not there must end; and where several do, others will, too.
EACH = 60
SEVERAL = 3
EACH_AFTER = 10


class Record(object):
    def __init__(self):
        self.file = io.open(OUT, "w", encoding="utf-8")
        self.worst = {}

    def write(self, **what):
        self.file.write(u"%s\n" % json.dumps(what, sort_keys=True))
        self.file.flush()

    def outcome(self, name, outcome):
        # A test that fails in any of its phases, or in any of its parts, has failed.
        order = {"passed": 0, "skipped": 1, "failed": 2}
        before = self.worst.get(name)
        if before is None or order[outcome] > order[before]:
            self.worst[name] = outcome
            self.write(test=name[:1000], outcome=outcome)


class Late(BaseException):
    pass


rung = []


def bell(signum, frame):
    rung.append(signum)
    # No Exception: what the test calls may catch those.
    raise Late("the test took longer than it may")


def set_bell():
    signal.signal(signal.SIGALRM, bell)
    signal.alarm(EACH if len(rung) < SEVERAL else EACH_AFTER)


class Plugin(object):
    """What pytest tells its plugins. Old versions know fewer hooks; none here is newer than pytest 3."""

    def __init__(self, record, seconds):
        self.record = record
        self.end = time.time() + seconds
        self.late = False

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.record.outcome(report.nodeid, "passed")
        elif report.failed:
            self.record.outcome(report.nodeid, "failed")
        elif report.skipped:
            expected = hasattr(report, "wasxfail")
            self.record.outcome(report.nodeid, "passed" if expected else "skipped")

    def pytest_collectreport(self, report):
        if report.failed:
            self.record.write(uncollected=(report.nodeid or ".")[:1000])

    def pytest_runtest_setup(self, item):
        if time.time() > self.end:
            self.late = True
            item.session.shouldstop = "the time is up"
            return
        set_bell()

    def pytest_runtest_teardown(self, item):
        signal.alarm(0)


def with_pytest(record, seconds, arguments):
    import pytest

    plugin = Plugin(record, seconds)
    record.write(runner="pytest %s, Python %s" % (pytest.__version__, sys.version.split()[0]))
    number = tuple(int(part) for part in pytest.__version__.split(".")[:2] if part.isdigit())
    options = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "-q", "--tb=short"]
    if number >= (3, 0):
        # The project's own options ask for coverage, doctests and styles: none of them is a test.
        options += ["-o", "addopts="]
    if number >= (3, 1):
        options += ["-o", "filterwarnings="]
    if number >= (3, 0):
        # Behind them: the first versions with -o take every word up to the next option for a value of it.
        options += ["--continue-on-collection-errors"]
    code = pytest.main(options + arguments, plugins=[plugin])
    record.write(end=int(code), late=plugin.late)


def with_unittest(record, seconds, path, arguments):
    """A project's own runner, as long as it reports through unittest."""
    import unittest

    record.write(runner="%s, Python %s" % (os.path.basename(path), sys.version.split()[0]))
    end = time.time() + seconds

    def name(test):
        return test.id() if hasattr(test, "id") else str(test)

    def told(method, outcome):
        original = getattr(unittest.TestResult, method)

        def told(self, test, *rest):
            record.outcome(name(test), outcome)
            return original(self, test, *rest)

        setattr(unittest.TestResult, method, told)

    told("addSuccess", "passed")
    told("addExpectedFailure", "passed")
    told("addSkip", "skipped")
    told("addFailure", "failed")
    told("addError", "failed")
    told("addUnexpectedSuccess", "failed")
    sub = unittest.TestResult.addSubTest

    def subtest(self, test, subtest, error):
        if error is not None:
            record.outcome(name(test), "failed")
        return sub(self, test, subtest, error)

    unittest.TestResult.addSubTest = subtest
    start = unittest.TestResult.startTest
    late = []

    def started(self, test):
        if time.time() > end:
            late.append(True)
            self.stop()
        set_bell()
        return start(self, test)

    unittest.TestResult.startTest = started
    stop = unittest.TestResult.stopTest

    def stopped(self, test):
        signal.alarm(0)
        return stop(self, test)

    unittest.TestResult.stopTest = stopped
    folder = os.path.dirname(os.path.abspath(path))
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = [os.path.basename(path)] + arguments
    code = 0
    try:
        runpy.run_path(os.path.basename(path), run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    record.write(end=code, late=bool(late))


def main():
    # The folder of this file is not part of the tests' world.
    del sys.path[0]
    sys.path.insert(0, os.getcwd())
    mode, seconds, rest = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    record = Record()
    if mode == "pytest":
        with_pytest(record, seconds, rest)
    elif mode == "script":
        with_unittest(record, seconds, rest[0], rest[1:])
    else:
        sys.exit("harness: unknown mode %r" % mode)
    # What the tests left running must not keep the job alive.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


main()
