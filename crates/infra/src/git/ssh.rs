//! How git starts ssh: with the key and the known hosts that the operator named, and with nothing of this machine's
//! users: no configuration, agent, key or known host of theirs.

use super::config::GitConfig;
use std::ffi::OsString;
use std::path::Path;

/// Git hands this text to a shell, so it is constant: the two paths arrive as variables, host and path of the repository
/// as arguments.
pub(super) const COMMAND: &str = concat!(
    "ssh -F none -oBatchMode=yes -oStrictHostKeyChecking=yes -oUpdateHostKeys=no -oGlobalKnownHostsFile=/dev/null",
    " -oIdentityAgent=none -oIdentitiesOnly=yes -oAddKeysToAgent=no -oPreferredAuthentications=publickey",
    " -oConnectTimeout=20 -oServerAliveInterval=10 -oServerAliveCountMax=3 -oControlPath=none",
    " -oPermitLocalCommand=no -oClearAllForwardings=yes -oForwardAgent=no",
    r#" -oIdentityFile="\"$MILL_SSH_KEY\"" -oUserKnownHostsFile="\"$MILL_SSH_KNOWN_HOSTS\"""#,
);

/// What [`COMMAND`] refers to.
pub(super) fn variables(config: &GitConfig) -> [(OsString, OsString); 2] {
    let or = |path: Option<&Path>, none: &str| path.map_or_else(|| none.into(), escaped);
    [
        ("MILL_SSH_KEY".into(), or(config.ssh_key.as_deref(), "none")),
        ("MILL_SSH_KNOWN_HOSTS".into(), or(config.ssh_known_hosts.as_deref(), "/dev/null")),
    ]
}

/// `%` begins a marker in ssh's paths.
fn escaped(path: &Path) -> OsString {
    path.to_str().map_or_else(|| path.into(), |text| text.replace('%', "%%").into())
}

/// Whether ssh can be told of a path: it is absolute, and holds nothing that ssh reads as something else.
pub fn is_usable(path: &Path) -> bool {
    let special = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$');
    path.is_absolute() && path.to_str().is_some_and(|text| !text.contains(special))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_path_that_ssh_would_read_as_something_else_is_refused() {
        for (path, usable) in [
            ("/etc/trustmill/key", true),
            ("/etc/with space/100%/key", true),
            ("key", false),
            ("~/.ssh/id", false),
            ("/etc/${HOME}/key", false),
            ("/etc/\"key", false),
            ("/etc/a\nb", false),
        ] {
            assert_eq!(is_usable(Path::new(path)), usable, "{path:?}");
        }
        let key = Some(PathBuf::from("/etc/100%/key"));
        let [key, hosts] = variables(&GitConfig { ssh_key: key, ..GitConfig::new("/cache".into()) });
        assert_eq!((key.1.to_str(), hosts.1.to_str()), (Some("/etc/100%%/key"), Some("/dev/null")));
    }
}
