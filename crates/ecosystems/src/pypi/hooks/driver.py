"""Runs a Python project's build hooks (PEP 517) inside the sandbox, in one process.

    driver.py pep517 --backend=MOD[:OBJ] [--backend-path=DIR]... [--setting=KEY=VALUE]...
                     [--distutils=SECTION.KEY=VALUE]... [--have=REQUIREMENT]...
    driver.py setup.py [--option=ARG]... [--distutils=SECTION.KEY=VALUE]...
    driver.py drop PATH...
    driver.py replace PATH LINE NEW-LINE
    driver.py steps FILE

Everything after the mode decides what comes out, so it stands in the recipe. The working folder is the
source tree. The wheel goes to /build/out; what the requires-hook asks for beyond --have goes to
/build/asked/requires.json, and then nothing is built. Python 3.6 is the oldest that runs this.
"""
import io
import json
import os
import re
import subprocess
import sys

OUT = "/build/out"
ASKED = "/build/asked/requires.json"


def arguments(argv):
    """--name=value pairs, each name to the list of its values."""
    found = {}
    for arg in argv:
        if not arg.startswith("--") or "=" not in arg:
            sys.exit("driver: unknown argument %r" % arg)
        name, value = arg[2:].split("=", 1)
        found.setdefault(name, []).append(value)
    return found


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed():
    """Normalised names of the distributions in the environment."""
    names = set()
    for folder in sys.path:
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            if entry.endswith((".dist-info", ".egg-info")):
                names.add(normal(entry.split("-", 1)[0]))
    return names


def missing(asked, have):
    """What of the hook's answer is neither declared nor there. A bare name is met by any version."""
    squeezed = set("".join(text.split()).lower() for text in have)
    there = installed()
    out = []
    for text in asked:
        if "".join(text.split()).lower() in squeezed:
            continue
        if re.match(r"^[A-Za-z0-9._-]+$", text.strip()) and normal(text.strip()) in there:
            continue
        out.append(text)
    return out


def distutils_config(options):
    """The user-level configuration that distutils reads, under whichever name it looks for."""
    sections = {}
    for option in options:
        key, value = option.split("=", 1)
        section, name = key.split(".", 1)
        sections.setdefault(section, []).append("%s = %s" % (name, value))
    if not sections:
        return
    text = "".join("[%s]\n%s\n" % (name, "\n".join(lines)) for name, lines in sorted(sections.items()))
    with io.open(os.path.join(os.environ["HOME"], ".pydistutils.cfg"), "w") as file:
        file.write(text)


def settings(pairs):
    """config_settings: a repeated key becomes a list, as build front ends do."""
    found = {}
    for pair in pairs:
        key, value = pair.split("=", 1)
        if key in found:
            old = found[key]
            found[key] = (old if isinstance(old, list) else [old]) + [value]
        else:
            found[key] = value
    return found or None


def load(backend, paths):
    """Imports the back end; an in-tree one must come from the tree (PEP 517, "In-tree build backends")."""
    here = os.path.realpath(os.getcwd())
    for path in reversed(paths):
        full = os.path.realpath(os.path.join(here, path))
        if full != here and not full.startswith(here + os.sep):
            sys.exit("driver: backend-path leaves the source tree: %r" % path)
        sys.path.insert(0, full)
    name, _, attributes = backend.partition(":")
    __import__(name)
    found = sys.modules[name]
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    if not hasattr(found, "build_wheel"):
        sys.exit("driver: the back end %r has no build_wheel hook" % backend)
    return found


def pep517(options):
    distutils_config(options.get("distutils", []))
    config = settings(options.get("setting", []))
    hooks = load(options["backend"][0], options.get("backend-path", []))
    if hasattr(hooks, "get_requires_for_build_wheel"):
        asked = missing(hooks.get_requires_for_build_wheel(config), options.get("have", []))
        if asked:
            with io.open(ASKED, "w", encoding="utf-8") as file:
                file.write(u"%s" % json.dumps(asked))
            return
    hooks.build_wheel(OUT, config)


def setup_py(options):
    """What installers did before PEP 517: setuptools is imported first, so that distutils is its own."""
    distutils_config(options.get("distutils", []))
    __import__("setuptools")
    sys.path.insert(0, os.getcwd())
    sys.argv = ["setup.py", "bdist_wheel", "-d", OUT] + options.get("option", [])
    with io.open("setup.py", "rb") as file:
        code = compile(file.read().replace(b"\r\n", b"\n"), "setup.py", "exec", dont_inherit=True)
    exec(code, {"__name__": "__main__", "__file__": os.path.abspath("setup.py"), "__builtins__": __builtins__})


def drop(paths):
    """Takes files out of the source tree: what the publisher's own tree did not have."""
    here = os.path.realpath(os.getcwd())
    for path in paths:
        full = os.path.realpath(os.path.join(here, path))
        if not full.startswith(here + os.sep):
            sys.exit("driver: not in the source tree: %r" % path)
        os.remove(full)


def replace(path, old, new):
    """Replaces the one line that is `old`; its place in the recipe says what was changed."""
    here = os.path.realpath(os.getcwd())
    full = os.path.realpath(os.path.join(here, path))
    if not full.startswith(here + os.sep):
        sys.exit("driver: not in the source tree: %r" % path)
    with io.open(full, encoding="utf-8", newline="") as file:
        lines = file.read().split(u"\n")
    found = [number for number, line in enumerate(lines) if line.rstrip(u"\r") == old]
    if not found:
        sys.exit("driver: no such line in %s: %r" % (path, old))
    ending = lines[found[0]][len(old):]
    lines[found[0]] = new + ending
    with io.open(full, "w", encoding="utf-8", newline="") as file:
        file.write(u"\n".join(lines))


def steps(path):
    """A recipe of several commands, in order; the first that fails ends it with its own code."""
    with io.open(path, encoding="utf-8") as file:
        commands = json.load(file)
    for argv in commands:
        sys.stdout.write("$ %s\n" % " ".join(argv))
        sys.stdout.flush()
        code = subprocess.call(argv)
        if code:
            sys.exit(code if code > 0 else 128 - code)


def main():
    # The folder of this file is not part of the build's world.
    del sys.path[0]
    mode, rest = sys.argv[1], sys.argv[2:]
    if mode == "steps":
        steps(rest[0])
    elif mode == "pep517":
        pep517(arguments(rest))
    elif mode == "drop":
        drop(rest)
    elif mode == "replace":
        replace(*rest)
    elif mode == "setup.py":
        setup_py(arguments(rest))
    else:
        sys.exit("driver: unknown mode %r" % mode)


main()
