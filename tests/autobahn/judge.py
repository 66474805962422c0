"""Judges what the Autobahn TestSuite reported; the suite itself exits 0 whatever failed.

    judge.py --compare EXPECTED REPORTS   every verdict of both roles against the file; exit 1 on any difference
    judge.py --compare-some EXPECTED REPORTS   the same for the cases that ran; some must have run
    judge.py --write EXPECTED REPORTS     writes the file, unless a verdict is not strict
    judge.py --check-yourself             planted faults, each of which must be noticed

A verdict is two words: how the case went, and how its connection was closed. EXPECTED holds them as
{role: {case: [behavior, behaviorClose]}}, where the role is that of this library.
"""

import json
import re
import sys

ROLES = ("server", "client")
# The suite grades nothing here: data after a Close of its own, and close codes above 4999.
UNGRADED = ("7.1.6", "7.13.1", "7.13.2")


def not_strict(verdicts):
    """Verdicts that are not allowed at all, whatever the file says: only OK is, and INFORMATIONAL where nothing is graded."""
    faults = []
    for role in ROLES:
        for case, (behavior, close) in in_order(verdicts.get(role, {})):
            allowed = ("OK", "INFORMATIONAL") if case in UNGRADED else ("OK",)
            if behavior not in allowed or close not in allowed:
                faults.append(f"{role} {case}: {behavior}, closing {close}, is not strict")
    return faults


def differences(expected, seen):
    faults = []
    for role in ROLES:
        want, got = expected.get(role, {}), seen.get(role, {})
        if not got:
            faults.append(f"{role}: no case was run")
        for case, _ in in_order({**want, **got}):
            if want.get(case) != got.get(case):
                faults.append(f"{role} {case}: expected {words(want.get(case))}, got {words(got.get(case))}")
    return faults


def words(verdict):
    return ", closing ".join(verdict) if verdict else "nothing"


def in_order(cases):
    return sorted(cases.items(), key=lambda item: [int(part) for part in re.findall(r"\d+", item[0])])


def read_reports(folder):
    seen = {}
    for role in ROLES:
        with open(f"{folder}/{role}/index.json") as file:
            agents = json.load(file)
        if len(agents) != 1:
            sys.exit(f"autobahn: {role}: one agent expected, the report has {sorted(agents)}")
        (cases,) = agents.values()
        seen[role] = {case: [result["behavior"], result["behaviorClose"]] for case, result in cases.items()}
    return seen


def write(path, seen):
    """One line per case, so that a change of one verdict is a change of one line."""
    roles = []
    for role in ROLES:
        lines = ",\n".join(f"    {json.dumps(case)}: {json.dumps(verdict)}" for case, verdict in in_order(seen[role]))
        roles.append(f"  {json.dumps(role)}: {{\n{lines}\n  }}")
    with open(path, "w") as file:
        file.write("{\n" + ",\n".join(roles) + "\n}\n")


def check_yourself():
    ok, ungraded = ["OK", "OK"], ["INFORMATIONAL", "INFORMATIONAL"]
    good = {"server": {"1.1.1": ok, "7.1.6": ungraded}, "client": {"1.1.1": ok, "10.1.1": ok}}
    assert not_strict(good) == [] and differences(good, good) == []

    def planted(role, case, verdict):
        changed = {name: dict(cases) for name, cases in good.items()}
        if verdict is None:
            del changed[role][case]
        else:
            changed[role][case] = verdict
        return changed

    for verdict in (["FAILED", "OK"], ["NON-STRICT", "OK"], ["UNIMPLEMENTED", "OK"], ["OK", "UNCLEAN"], ungraded):
        assert len(not_strict(planted("client", "10.1.1", verdict))) == 1, verdict
        assert len(differences(good, planted("client", "10.1.1", verdict))) == 1, verdict
    assert not_strict(planted("server", "7.1.6", ["FAILED", "INFORMATIONAL"])) != []
    assert len(differences(good, planted("server", "1.1.1", None))) == 1
    assert len(differences(planted("server", "1.1.1", None), good)) == 1
    assert "client: no case was run" in differences(good, {"server": good["server"]})


def main(mode, expected_path=None, folder=None):
    check_yourself()
    if mode == "--check-yourself":
        return 0
    seen = read_reports(folder)
    if mode == "--write":
        faults = not_strict(seen)
        if not faults:
            write(expected_path, seen)
    else:
        with open(expected_path) as file:
            expected = json.load(file)
        if mode == "--compare-some":
            expected = {role: {case: expected[role][case] for case in seen[role] if case in expected[role]} for role in ROLES}
        # A lax file would hide lax verdicts.
        faults = not_strict(expected) + differences(expected, seen)
    for fault in faults:
        print(f"autobahn: {fault}")
    for role in ROLES:
        differing = len({fault.split(":")[0] for fault in faults if fault.startswith(role)})
        print(f"autobahn: as {role}: {len(seen[role])} cases ran, {differing} differ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
