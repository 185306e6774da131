//! Programs by what they are for, as far as rules ask: one list of each kind for every rule.

use super::commands;

/// Programs that fetch from an address or send to it.
pub(super) const FETCHERS: &[&str] = &[
    "curl",
    "wget",
    "iwr",
    "irm",
    "invoke-webrequest",
    "invoke-restmethod",
    "start-bitstransfer",
    "bitsadmin",
    "certutil",
    "aria2c",
    "fetch",
    "mshta",
    "lwp-download",
    "http",
    "https",
    "xh",
];

/// Programs that build nothing: they ask who and where the machine is, look a name up, or show themselves.
const LOOKERS: &[&str] = &[
    "whoami",
    "id",
    "hostname",
    "ifconfig",
    "ipconfig",
    "systeminfo",
    "calc",
    "gnome-calculator",
    "notepad",
    "powershell",
    "pwsh",
    "mshta",
    "rundll32",
    "regsvr32",
    "wscript",
    "cscript",
    "nslookup",
    "dig",
    "ping",
    "dir",
    "net",
    "nc",
    "ncat",
    "cat",
    "ls",
    "env",
    "printenv",
    "explorer",
    "xdg-open",
];

/// Programs with which packages are built, and those that builds ask about the machine.
const BUILDERS: &[&str] = &[
    "git",
    "hg",
    "svn",
    "make",
    "gmake",
    "nmake",
    "cmake",
    "ninja",
    "meson",
    "scons",
    "bazel",
    "cc",
    "gcc",
    "g++",
    "clang",
    "clang++",
    "ld",
    "ar",
    "ranlib",
    "strip",
    "nvcc",
    "hipcc",
    "gfortran",
    "ifort",
    "icc",
    "mpicc",
    "mpicxx",
    "cython",
    "swig",
    "protoc",
    "flex",
    "bison",
    "antlr4",
    "autoconf",
    "automake",
    "autoreconf",
    "libtoolize",
    "configure",
    "pkg-config",
    "pkgconf",
    "pg_config",
    "mysql_config",
    "mariadb_config",
    "llvm-config",
    "xml2-config",
    "xslt-config",
    "krb5-config",
    "gdal-config",
    "geos-config",
    "curl-config",
    "nc-config",
    "root-config",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "node",
    "tsc",
    "webpack",
    "cargo",
    "rustc",
    "rustup",
    "maturin",
    "go",
    "dotnet",
    "javac",
    "java",
    "mvn",
    "gradle",
    "ant",
    "msgfmt",
    "pybabel",
    "sphinx-build",
    "rst2html",
    "pandoc",
    "uname",
    "lsb_release",
    "sw_vers",
    "xcrun",
    "xcodebuild",
    "xcode-select",
    "lipo",
    "install_name_tool",
    "otool",
    "ldconfig",
    "ldd",
    "patchelf",
    "getconf",
    "sysctl",
    "nproc",
    "arch",
    "brew",
    "vswhere",
    "vcvarsall.bat",
    "where",
    "which",
    "ls",
    "mkdir",
    "cp",
    "mv",
    "rm",
    "chmod",
    "ln",
    "touch",
    "find",
    "tar",
    "unzip",
    "patch",
    "sed",
    "awk",
    "grep",
    "sort",
    "head",
    "tail",
    "wc",
    "tr",
    "cut",
    "cd",
    "export",
    "set",
    "test",
    "[",
    "true",
    "false",
    "black",
    "isort",
    "ruff",
    "flake8",
    "pytest",
    "tox",
    "coverage",
    "twine",
    "nvidia-smi",
    "rocm_agent_enumerator",
    "conda",
    "dpkg",
    "rpm",
    "dpkg-architecture",
    "qmake",
    "moc",
    "uic",
    "rcc",
    "pyuic5",
    "pyrcc5",
    "lrelease",
    "gsettings",
    "gtk-update-icon-cache",
    "update-desktop-database",
    "glib-compile-schemas",
    "glib-compile-resources",
    "docker",
    "perl",
    "ruby",
    "gem",
    "doxygen",
];

/// Whether a command fetches something from an address.
pub fn fetches(text: &str) -> bool {
    let ways = [
        "curl",
        "wget",
        "nvoke-",
        "iwr",
        "irm",
        "DownloadString",
        "certutil",
        "bitsadmin",
        "http",
        "/dev/tcp/",
    ];
    let lookup = ["nslookup ", "dig "];
    if !ways.iter().chain(&lookup).any(|way| text.contains(way)) {
        return false;
    }
    let loads =
        ["DownloadString", "DownloadFile", "DownloadData", "/dev/tcp/"].iter().any(|way| text.contains(way));
    let asks = |program: &str| FETCHERS.contains(&program) || matches!(program, "nslookup" | "dig" | "ping");
    loads || commands(text).iter().any(|one| asks(&one.program) && !one.args.is_empty())
}

/// Whether the first program of a command builds nothing.
pub fn looks_around(text: &str) -> bool {
    let programs = commands(text);
    programs.first().is_some_and(|one| LOOKERS.contains(&one.program.as_str()) || opens(text))
}

/// `start calc`, `cmd /c start …`: what it starts opens a window of its own.
fn opens(text: &str) -> bool {
    let mut words = text.split_whitespace().map(str::to_ascii_lowercase);
    words.next().is_some_and(|first| matches!(first.trim_end_matches(".exe"), "start" | "cmd"))
}

/// Whether a command only starts programs with which packages are built.
pub fn builds(text: &str) -> bool {
    let programs = commands(text);
    let known = |program: &str| {
        let stem = program.split_once('-').map_or(program, |(stem, _)| stem);
        BUILDERS.contains(&program) || matches!(stem, "gcc" | "g++" | "clang" | "x86_64" | "aarch64" | "llvm")
    };
    !programs.is_empty() && programs.iter().all(|one| known(&one.program))
}

/// Whether PowerShell is started where nobody sees it and its rules are turned off.
pub fn is_hidden(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if !(lower.contains("powershell") || lower.contains("pwsh")) {
        return false;
    }
    let words: Vec<&str> = lower.split_whitespace().collect();
    let follows = |option: &[&str], value: &str| {
        words.windows(2).any(|pair| matches!(pair, [a, b] if option.contains(a) && b.starts_with(value)))
    };
    let unseen = follows(&["-windowstyle", "-w", "-win", "-window"], "hidden") || follows(&["-w"], "1");
    let free = follows(&["-executionpolicy", "-ep", "-exec", "-ex", "-execution"], "bypass")
        || follows(&["-executionpolicy", "-ep", "-exec", "-ex"], "unrestricted");
    unseen && (free || words.iter().any(|word| matches!(*word, "-nop" | "-noprofile" | "-noni" | "-enc")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_by_what_they_are_for() {
        assert!(fetches("cd /tmp && curl -fsSL https://a.example/x -o x"));
        assert!(fetches("powershell -c (New-Object Net.WebClient).DownloadString('http://a.example')"));
        assert!(!fetches("pkg-config --cflags libcurl"));
        assert!(!fetches("echo see https://a.example"));
        assert!(builds("git describe --tags"));
        assert!(builds("x86_64-linux-gnu-gcc -c x.c"));
        assert!(!builds("git status; ./run"));
        assert!(looks_around("/usr/bin/whoami"));
        assert!(looks_around("cmd /c start calc"));
        assert!(!looks_around("gcc --version"));
        assert!(is_hidden("powershell.exe -NoProfile -WindowStyle Hidden -File a.ps1"));
        assert!(!is_hidden("powershell -ExecutionPolicy Bypass -File build.ps1"));
    }
}
