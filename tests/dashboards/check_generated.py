#!/usr/bin/env python3
"""The committed dashboard is what the generator makes, byte for byte (`tsc --strict` included).

With BACKSCATTER_UPDATE=1 it is written instead."""

import os
import pathlib
import re
import shutil

import tools

GENERATOR = tools.ROOT / "dashboards" / "grafana"
COMMITTED = GENERATOR / "overview.json"
MADE_OF = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json")
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|"
                         r"EHOSTUNREACH|ENOTCACHED|CERT_|_CERT|network|\b50[234]\b")


def install(folder, failures):
    """What package-lock.json names, unless it is there already."""
    lock = (GENERATOR / "package-lock.json").read_text()
    stamp = folder / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == lock:
        return
    code, text = tools.run("npm", "ci", "--ignore-scripts", "--fetch-retries=1", cwd=folder)
    if code != 0 and UNREACHABLE.search(text):
        tools.skip(f"npm cannot reach its registry: {text.strip().splitlines()[0]}")
    failures.expect(code == 0, f"npm ci: {text}")
    if code == 0:
        stamp.write_text(lock)


def main():
    args = tools.arguments()
    missing = [name for name in ("node", "npm") if not shutil.which(name)]
    if missing:
        tools.skip(f"not installed: {' '.join(missing)}")
    failures = tools.Failures()
    failures.expect("://" not in (GENERATOR / "package-lock.json").read_text(),
                    "package-lock.json names hosts: omit-lockfile-registry-resolved is not set")
    folder = args.output / "grafana"
    folder.mkdir(parents=True, exist_ok=True)
    for name in MADE_OF:
        shutil.copy(GENERATOR / name, folder / name)
    shutil.rmtree(folder / "src", ignore_errors=True)
    shutil.rmtree(folder / "build", ignore_errors=True)
    shutil.copytree(GENERATOR / "src", folder / "src")
    install(folder, failures)
    if not failures.found:
        code, text = tools.run("npx", "--no-install", "tsc", cwd=folder)
        failures.expect(code == 0, f"tsc: {text}")
    if not failures.found:
        code, made = tools.run("node", pathlib.Path("build") / "generate.js", cwd=folder)
        failures.expect(code == 0, f"the generator: {made}")
        if os.environ.get("BACKSCATTER_UPDATE"):
            COMMITTED.write_text(made)
        failures.expect(made == COMMITTED.read_text(),
                        "overview.json is not what the generator makes: BACKSCATTER_UPDATE=1 "
                        "tests/dashboards/check_generated.py writes it")
    failures.end()


if __name__ == "__main__":
    main()
