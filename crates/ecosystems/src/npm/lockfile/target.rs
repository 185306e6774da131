//! For whom a lockfile is read: the platform that `os`, `cpu` and `libc` of an entry are compared with.

/// A platform in Node's own words (`process.platform`, `process.arch`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `process.platform`: `linux`, `darwin`, `win32`.
    pub os: String,
    /// `process.arch`: `x64`, `arm64`.
    pub cpu: String,
    /// `glibc` or `musl`; empty where there is neither.
    pub libc: String,
    /// Whether what only development needs is secured too: it runs on the machines of those who develop.
    pub development: bool,
    /// Whether what is for other platforms is taken too: who audits a lockfile audits it for everybody.
    pub everywhere: bool,
}

impl Default for Target {
    /// Linux, x86-64, glibc, with development.
    fn default() -> Self {
        Self {
            os: "linux".into(),
            cpu: "x64".into(),
            libc: "glibc".into(),
            development: true,
            everywhere: false,
        }
    }
}

impl Target {
    /// The operating system and processor that this program runs on.
    pub fn of_this_machine() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            "windows" => "win32",
            other => other,
        };
        let cpu = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            "x86" => "ia32",
            "powerpc64" => "ppc64",
            other => other,
        };
        let libc = if cfg!(target_env = "musl") { "musl" } else { "glibc" };
        let libc = if os == "linux" { libc } else { "" };
        Self { os: os.into(), cpu: cpu.into(), libc: libc.into(), ..Self::default() }
    }

    /// Every platform, with development.
    pub fn everywhere() -> Self {
        Self { everywhere: true, ..Self::default() }
    }

    /// Why an entry is not installed here, if it is not. A list holds names, or names that are excluded with
    /// `!`, as npm reads them (<https://docs.npmjs.com/cli/configuring-npm/package-json#os>).
    pub(super) fn excludes(&self, os: &[String], cpu: &[String], libc: &[String]) -> Option<String> {
        if self.everywhere {
            return None;
        }
        let refused = [(os, &self.os), (cpu, &self.cpu), (libc, &self.libc)];
        let (list, here) = refused.into_iter().find(|(list, here)| !accepts(list, here))?;
        Some(format!("for {} only, not for {here}", list.join(", ")))
    }
}

fn accepts(list: &[String], here: &str) -> bool {
    let excluded = |one: &String| one.strip_prefix('!').is_some_and(|name| name == here);
    if list.iter().any(excluded) {
        return false;
    }
    let mut wanted = list.iter().filter(|one| !one.starts_with('!')).peekable();
    wanted.peek().is_none() || wanted.any(|one| one == here || one == "any")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_accept_and_exclude() {
        let target = Target::default();
        let list =
            |text: &str| text.split(' ').filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        for (os, cpu, libc, here) in [
            ("", "", "", true),
            ("linux darwin", "x64", "glibc", true),
            ("!win32", "!arm64", "", true),
            ("!linux", "", "", false),
            ("darwin", "", "", false),
            ("linux", "arm64", "", false),
            ("linux", "x64", "musl", false),
        ] {
            assert_eq!(
                target.excludes(&list(os), &list(cpu), &list(libc)).is_none(),
                here,
                "{os} {cpu} {libc}"
            );
        }
    }
}
