"""Gets release pairs of much used packages as users get them: by the registries' own clients, from what a list of
roots brings with it at several dates (pip), and one release apart (cargo). Nothing that is got is run.

    python3 bench/scan/pairs.py pypi OUT [DATE …]     a folder of wheels for each date; `now` is a date
    python3 bench/scan/pairs.py cargo OUT             a home of cargo with the newest releases and those before them
    python3 bench/scan/pairs.py pack SET FOLDER …     the set for `trustmill scan --eval`, halved by name
    python3 bench/scan/pairs.py list SET              what is in a set: ecosystem, name, release before, release

pypi wants `uv` beside pip. Archives of more than 8 MiB are left out.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
MOST = 8 << 20
# What weighs gigabytes and is left out of the set for its size in any case.
HEAVY = re.compile(r"^(torch|nvidia|triton|tensorflow|jax|pyspark|opencv|scipy|pyarrow|cuda|ray|spacy|llvmlite)")


def roots(name):
    return (HERE / f"{name}-roots.txt").read_text().split()


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def pypi(out, dates):
    for date in dates:
        pins = set()
        newest = [] if date == "now" else ["--exclude-newer", date]
        options = ["--quiet", "--no-annotate", "--no-header", "--python-version", "3.12", "--only-binary", ":all:"]
        for root in roots("pypi"):
            done = run("uv", "pip", "compile", *options, *newest, "-", input=root)
            pins.update(line.split(";")[0].strip() for line in done.stdout.splitlines() if "==" in line)
        folder = out / date
        folder.mkdir(parents=True, exist_ok=True)
        wanted = sorted(pin for pin in pins if not HEAVY.match(pin))
        known = {wheel_name(path) for path in out.glob("*/*.whl")}
        for pin in wanted:
            name, version = pin.split("==")
            if (plain(name), version) not in known:
                target = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "-d", str(folder)]
                run(sys.executable, "-m", "pip", "download", "--quiet", *target, pin)
        print(date, len(wanted), flush=True)


def plain(name):
    return re.sub(r"[-_.]+", "_", name).lower()


def wheel_name(path):
    name, version = path.name.split("-")[:2]
    return plain(name), version


def cargo(out):
    """The newest releases that belong together, then those before them, as many at once as go together."""
    project = out / "project"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src/lib.rs").write_text("")
    known = set()
    for at, group in enumerate(groups(roots("cargo"), 12)):
        fetch(out, [f'{root} = "*"' for root in group])
        newest = {}
        for name, version in locked(project):
            newest[name] = max(version, newest.get(name, version), key=order)
        before = {name: release_before(out, name, version) for name, version in newest.items() if name not in known}
        known.update(newest)
        pins = [f'{name} = {{ version = "={version}", default-features = false }}' for name, version in before.items() if version]
        print(at, len(newest), together(out, pins), flush=True)


def fetch(out, lines):
    project = out / "project"
    head = '[package]\nname = "pairs"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n'
    (project / "Cargo.toml").write_text(head + "\n".join(lines) + "\n")
    (project / "Cargo.lock").unlink(missing_ok=True)
    return run("cargo", "fetch", cwd=project, env=dict(os.environ, CARGO_HOME=str(out))).returncode == 0


def together(out, pins):
    """Gets releases at once; what does not go together, in halves. How many it got."""
    if not pins:
        return 0
    if fetch(out, pins):
        return len(pins)
    if len(pins) == 1:
        return 0
    half = len(pins) // 2
    return together(out, pins[:half]) + together(out, pins[half:])


def groups(items, size):
    return [items[at : at + size] for at in range(0, len(items), size)]


def locked(project):
    lock = project / "Cargo.lock"
    text = lock.read_text() if lock.exists() else ""
    return [m.groups() for m in re.finditer(r'name = "(.+)"\nversion = "(.+)"\nsource = ', text)]


def release_before(home, name, version):
    """The newest lower release that is no prerelease and was not withdrawn, by the index that cargo has kept."""
    lower = name.lower()
    for entry in home.glob(f"registry/index/*/.cache/**/{lower}"):
        rows = re.findall(rb'\{"name":.*?\}(?=\0|$)', entry.read_bytes())
        rows = [json.loads(row) for row in rows]
        known = {row["vers"].split("+")[0]: row["vers"] for row in rows if not row.get("yanked")}
        lower_ones = [key for key in known if "-" not in key and order(key) < order(version.split("+")[0])]
        if lower_ones:
            return known[max(lower_ones, key=order)]
    return None


def order(version):
    return [int(part) for part in re.findall(r"\d+", version)][:4], "-" not in version


def pack(target, folders):
    have = {}
    for folder in folders:
        for path in folder.rglob("*.whl"):
            name, version = wheel_name(path)
            have.setdefault(("pypi", name), {})[version] = path
        for path in folder.rglob("*.crate"):
            found = re.match(r"(.+?)-(\d+\.\d+\.\d+.*)\.crate$", path.name)
            if found:
                have.setdefault(("cargo", found[1]), {})[found[2]] = path
    for (ecosystem, name), releases in have.items():
        versions = sorted((v for v, path in releases.items() if path.stat().st_size <= MOST), key=order)
        for before, now in zip(versions, versions[1:]):
            folder = target / half(name) / "benign" / ecosystem / f"{name}@{now}"
            folder.mkdir(parents=True, exist_ok=True)
            ending = "whl" if ecosystem == "pypi" else "crate"
            for label, version in (("previous", before), ("current", now)):
                place = folder / f"{label}.{ending}"
                if not place.exists():
                    os.link(releases[version], place)
            (folder / "pair.txt").write_text(f"{ecosystem} {name} {before} {now}\n")


def half(name):
    digest = hashlib.sha256(f"trustmill{name}".encode()).hexdigest()
    return "work" if int(digest[:8], 16) % 100 < 50 else "heldout"


def main():
    what, out, *rest = sys.argv[1:]
    if what == "pypi":
        pypi(Path(out), rest or ["now"])
    elif what == "cargo":
        cargo(Path(out))
    elif what == "pack":
        pack(Path(out), [Path(folder) for folder in rest])
    elif what == "list":
        print("".join(sorted(path.read_text() for path in Path(out).rglob("pair.txt"))), end="")


main()
