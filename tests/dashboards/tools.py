"""What the tests of dashboards/ share: the tools they ask, and how they end."""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "dashboards" / "rules" / "backscatter.rules.yml"


class Failures:
    """Collects what is wrong, so that a run tells all of it."""

    def __init__(self):
        self.found = []

    def expect(self, right, text):
        if not right:
            self.found.append(text)

    def end(self):
        for text in self.found:
            print(f"FAILED: {text}")
        sys.exit(1 if self.found else 0)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def arguments(*more):
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=pathlib.Path, required=True,
                        help="the folder that tests/live/fetch_mail_servers fills")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    for name in more:
        parser.add_argument(name, type=pathlib.Path, required=True)
    return parser.parse_args()


def tool(name, servers):
    """The program's path: of the folder, else of this host; skips the test where it is nowhere."""
    fetched = servers / "tree" / "usr" / "bin" / name
    if os.access(fetched, os.X_OK):
        return str(fetched)
    installed = shutil.which(name)
    if not installed:
        skip(f"no {name}: tests/live/fetch_mail_servers fetches it")
    return installed


def run(*command, **options):
    """The exit code, and all that was printed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    return done.returncode, done.stdout


_OVER_USR = 'mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr; shift; exec "$@"'


def beside_its_files(command, servers):
    """The command that starts a fetched program where it finds its files below /usr; None where
    that cannot be. Only the program sees them there."""
    over = ["unshare", "--mount", "sh", "-ec", _OVER_USR, "over", str(servers.resolve() / "tree")]
    if not str(command[0]).startswith(str(servers)):
        return list(command)
    return [*over, *command] if run(*over, "true")[0] == 0 else None


def fresh_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
