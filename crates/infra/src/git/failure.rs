//! What git's words mean. They come from git itself (in English, because `LC_ALL=C`) and, behind `remote:`, from the
//! other side: they decide a class, and are never shown.

use trustmill_core::port::repositories::RepositoryError;
use trustmill_core::source::SourceProblem;

/// Why something about a repository failed; the address is added where it leaves this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) class: SourceProblem,
    pub(super) why: String,
    /// Whether it is the host that fails, so that asking for its other repositories is no use.
    pub(super) host: bool,
}

impl Failure {
    pub(super) fn new(class: SourceProblem, why: impl Into<String>) -> Self {
        Self { class, why: why.into(), host: false }
    }

    pub(super) fn host(why: impl Into<String>) -> Self {
        Self { class: SourceProblem::Unreachable, why: why.into(), host: true }
    }

    pub(super) fn too_large(why: impl Into<String>) -> Self {
        Self::new(SourceProblem::TooLarge, why)
    }

    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::new(SourceProblem::Malformed, why)
    }

    /// A failure of this machine: of the disk, of a program that is not there. Passes, as far as the release goes.
    pub(super) fn here(what: &str, error: &std::io::Error) -> Self {
        Self::new(SourceProblem::Unreachable, format!("{what}: {error}"))
    }

    pub(super) fn about(self, repository: &str) -> RepositoryError {
        RepositoryError { repository: repository.to_owned(), class: self.class, why: self.why }
    }
}

/// What a failed command of git's says about the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It has no such object.
    NoSuchObject,
    /// It gives only what branches and tags lead to directly.
    OnlyRefs,
    /// The repository is said to be at another address.
    Redirected,
    /// Anything else.
    Failed(Failure),
}

/// Fragments of git's and ssh's messages, and what each means. The first that occurs counts.
const MEANINGS: &[(&str, Meaning)] = &[
    ("not our ref", Meaning::NoSuchObject),
    ("couldn't find remote ref", Meaning::NoSuchObject),
    ("unadvertised object", Meaning::OnlyRefs),
    ("does not support shallow", Meaning::OnlyRefs),
    ("requested URL returned error: 30", Meaning::Redirected),
    ("File size limit exceeded", Meaning::TooLarge),
    ("File too large", Meaning::TooLarge),
    ("died of signal 25", Meaning::TooLarge),
    ("Out of memory", Meaning::TooLarge),
    ("out of memory", Meaning::TooLarge),
    ("exceeds maximum allowed size", Meaning::TooLarge),
    ("No space left on device", Meaning::Full),
    ("Disk quota exceeded", Meaning::Full),
    ("requested URL returned error: 5", Meaning::Busy),
    ("requested URL returned error: 429", Meaning::Busy),
    ("requested URL returned error: 4", Meaning::Gone),
    ("could not read Username", Meaning::Login),
    ("could not read Password", Meaning::Login),
    ("unable to get password", Meaning::Login),
    ("Authentication failed", Meaning::Login),
    ("Identity file", Meaning::Host(KEY)),
    ("no such identity", Meaning::Host(KEY)),
    ("Load key", Meaning::Host(KEY)),
    ("Permission denied (", Meaning::Host("it takes no key that it was shown; see [source] ssh_key")),
    ("Could not resolve", Meaning::Host("its name is not known")),
    ("Failed to connect", Meaning::Host("no connection")),
    ("Couldn't connect", Meaning::Host("no connection")),
    ("Connection refused", Meaning::Host("the connection is refused")),
    ("timed out", Meaning::Host("no answer in time")),
    ("Network is unreachable", Meaning::Host("no network leads there")),
    ("No route to host", Meaning::Host("no network leads there")),
    ("certificate", Meaning::Host("its certificate is not trusted")),
    ("SSL", Meaning::Host("no TLS connection")),
    ("TLS", Meaning::Host("no TLS connection")),
    ("gnutls_handshake", Meaning::Host("no TLS connection")),
    ("Operation too slow", Meaning::Host("it sends too slowly")),
    (
        "Host key verification failed",
        Meaning::Host("its host key is not the one that is known; see [source] ssh_known_hosts"),
    ),
    ("not found", Meaning::Gone),
    ("does not appear to be a git repository", Meaning::Gone),
    ("fsck error", Meaning::Malformed),
    ("did not send all necessary objects", Meaning::Malformed),
    ("mismatched algorithms", Meaning::Malformed),
    ("bad object", Meaning::Malformed),
    ("bad pack", Meaning::Malformed),
    ("pack signature mismatch", Meaning::Malformed),
    ("pack has", Meaning::Malformed),
    ("protocol error", Meaning::Malformed),
    ("bad line length", Meaning::Malformed),
    ("expected flush", Meaning::Malformed),
    ("invalid index-pack output", Meaning::Broken),
    ("index-pack failed", Meaning::Broken),
    ("the remote end hung up", Meaning::Broken),
    ("RPC failed", Meaning::Broken),
    ("early EOF", Meaning::Broken),
];

/// A key that is not there, that others may read, or that has a passphrase.
const KEY: &str = "the key of [source] ssh_key cannot be used";

#[derive(Clone, Copy)]
enum Meaning {
    NoSuchObject,
    OnlyRefs,
    Redirected,
    TooLarge,
    Full,
    Busy,
    Gone,
    Login,
    Host(&'static str),
    Malformed,
    Broken,
}

/// Reads what git said when it failed.
pub(super) fn told(stderr: &str, code: Option<i32>) -> Told {
    let own = || stderr.lines().filter(|line| !line.starts_with("remote: "));
    let found = MEANINGS.iter().find(|(words, _)| own().any(|line| line.contains(words)));
    let failure = match found.map(|(_, meaning)| *meaning) {
        Some(Meaning::NoSuchObject) => return Told::NoSuchObject,
        Some(Meaning::OnlyRefs) => return Told::OnlyRefs,
        Some(Meaning::Redirected) => return Told::Redirected,
        Some(Meaning::TooLarge) => Failure::too_large("it takes more memory or disk than one fetch may"),
        Some(Meaning::Full) => {
            Failure::new(SourceProblem::Unreachable, "no space is left for the cache of repositories")
        }
        Some(Meaning::Busy) => Failure::new(SourceProblem::Unreachable, "the forge is overloaded or broken"),
        Some(Meaning::Gone) => Failure::new(SourceProblem::RepositoryGone, "the repository is not there"),
        Some(Meaning::Login) => Failure::new(SourceProblem::RepositoryGone, "the forge asks for a login"),
        Some(Meaning::Host(why)) => Failure::host(format!("the forge cannot be reached: {why}")),
        Some(Meaning::Malformed) => Failure::malformed("git refuses what the forge sent"),
        Some(Meaning::Broken) => {
            Failure::new(SourceProblem::Unreachable, "the forge broke off in the middle of its answer")
        }
        None => {
            let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"));
            Failure::new(SourceProblem::Unreachable, format!("git failed with {code}"))
        }
    };
    Told::Failed(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(stderr: &str) -> String {
        match told(stderr, Some(128)) {
            Told::Failed(failure) => {
                format!("{}{}", failure.class.as_str(), if failure.host { " host" } else { "" })
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_words_of_git_have_their_class() {
        for (stderr, want) in [
            ("fatal: remote error: upload-pack: not our ref 1111", "NoSuchObject"),
            ("error: Server does not allow request for unadvertised object 0", "OnlyRefs"),
            ("fatal: unable to access 'http://h/x/': The requested URL returned error: 301", "Redirected"),
            ("fatal: unable to access 'http://h/x/': The requested URL returned error: 503", "unreachable"),
            ("fatal: repository 'http://h/x/' not found", "repository-gone"),
            ("fatal: could not read Username for 'http://h': terminal prompts disabled", "repository-gone"),
            ("fatal: unable to access 'https://h/': Could not resolve host: h", "unreachable host"),
            ("git@h: Permission denied (publickey).\nfatal: Could not read from remote", "unreachable host"),
            ("fatal: unable to access 'https://h/': gnutls_handshake() failed: x", "unreachable host"),
            ("ssh: connect to host h port 22: Connection refused\nfatal: Could not read", "unreachable host"),
            ("fatal: '/x' does not appear to be a git repository", "repository-gone"),
            ("error: object 12: fsck error in packed object", "malformed"),
            ("fatal: pack has bad object at offset 12: inflate returned -3", "malformed"),
            ("error: index-pack died of signal 25", "too-large"),
            ("something new", "unreachable"),
            ("remote: fsck error\nsomething new", "unreachable"),
        ] {
            assert_eq!(class(stderr), want, "{stderr}");
        }
    }
}
