"""Proves the ledger from outside, part by part: see ledger.sh, which calls this.

Prints one line a part, after a line for each thing that did not hold. Ends with 1 where anything did not.
"""

import argparse
import importlib
import pathlib
import signal
import subprocess
import sys
import traceback

from ledger_support import Failed, Findings, Skipped

PARTS = ("crash", "postgres", "full", "instances", "speed")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}, or all, which is the default")
    parser.add_argument("--binary", required=True, help="sij-cds")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="an empty directory on a real disk")
    parser.add_argument("--body", help="the request that speed sends")
    parser.add_argument("--kills", type=int, help="how often the service is killed: crash 200, postgres 40, instances 10")
    parser.add_argument("--clients", type=int, default=12, help="how many call at a time")
    parser.add_argument("--check-every", type=int, default=50, help="crash: verify after so many kills, 0 for at the end alone")
    parser.add_argument("--seconds", type=int, default=4, help="speed: how long a run of wrk is")
    parser.add_argument("--turns", type=int, default=5, help="speed: how often each run is repeated")
    parser.add_argument("--seed", type=int, default=20261124, help="of all that is drawn")
    parser.add_argument("--limit", type=int, default=900, help="the most seconds a part may take")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - {*PARTS, "all"}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    arguments.binary = str(pathlib.Path(arguments.binary).resolve())
    arguments.parts = PARTS if not arguments.parts or "all" in arguments.parts else arguments.parts
    return arguments


def too_long(*_):
    raise Failed("the part took longer than --limit")


def try_part(name, arguments):
    """Whether it held; one that cannot be tried here counts as held."""
    part, findings = importlib.import_module(f"ledger_{name}"), Findings(name)
    work = arguments.work / name
    work.mkdir()
    given = argparse.Namespace(**vars(arguments) | {"kills": arguments.kills or part.KILLS})
    signal.alarm(arguments.limit)
    try:
        part.run(findings, given, work.resolve())
    except Skipped as skipped:
        print(f"skipped {name}: {skipped}", flush=True)
        return True
    except Failed as failed:
        findings.faults.append(str(failed))
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        findings.faults.append(traceback.format_exc())
    finally:
        signal.alarm(0)
    return findings.print()


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, too_long)
    held = [try_part(name, arguments) for name in arguments.parts]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
