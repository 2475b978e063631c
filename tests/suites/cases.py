"""Runs unittest modules and writes a line a case: `begin ID`, then `ID OUTCOME`; in the end `all`.

cases.py RESULTS DONE MODULE...: cases whose id is a line of the file DONE are left out, so that who starts this again after
a case that crashed or hung goes on behind it. A case that takes longer than LIMIT seconds ends the process.
"""

import faulthandler
import sys
import unittest

from test import support

# Some cases compute for seconds (test_task_del_collect collects garbage a hundred times), others wait in vain on a host without vsock.
LIMIT = 150

# Of what the test driver's `-u` allows: what is on this machine.
support.use_resources = ["network", "cpu"]
support.verbose = 0


class Lines(unittest.TestResult):
    def __init__(self, out):
        super().__init__()
        self.out = out
        self.outcome = None

    def say(self, text):
        self.out.write(text + "\n")
        self.out.flush()

    def startTest(self, test):
        super().startTest(test)
        self.outcome = "ok"
        self.say("begin " + test.id())
        faulthandler.dump_traceback_later(LIMIT, exit=True)

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        self.say(test.id() + " " + self.outcome)
        super().stopTest(test)

    def bad(self, test, outcome, error):
        self.outcome = outcome
        print("\n==", test, outcome, "\n" + self._exc_info_to_string(error, test), file=sys.stderr, flush=True)
        self.no_case(test, outcome)

    def no_case(self, test, outcome):
        # A class or module that could not be set up is no case that began.
        if not isinstance(test, unittest.TestCase) and not hasattr(test, "test_case"):
            self.say(str(test).replace(" ", "") + " " + outcome)

    def addError(self, test, error):
        self.bad(test, "error", error)

    def addFailure(self, test, error):
        self.bad(test, "failure", error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.bad(subtest, "failure", error)

    def addSkip(self, test, reason):
        self.outcome = "skipped"
        self.no_case(test, "skipped")

    def addExpectedFailure(self, test, error):
        self.outcome = "expected-failure"

    def addUnexpectedSuccess(self, test):
        self.outcome = "unexpected-success"


def cases(suite):
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from cases(part)
        else:
            yield part


def main():
    results, done, *modules = sys.argv[1:]
    with open(done) as file:
        over = set(file.read().split("\n"))
    with open(results, "a") as out:
        for module in modules:
            found = unittest.defaultTestLoader.loadTestsFromName("test." + module)
            unittest.TestSuite(case for case in cases(found) if case.id() not in over).run(Lines(out))
        out.write("all\n")


main()
