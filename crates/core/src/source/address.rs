//! What registries write as the address of a repository, brought to the form that git is given.
//!
//! The texts come from strangers, and end up as arguments of a program: what is not plainly an address is
//! refused here, once, for every ecosystem.

use url::Url;

/// Longest address that is read, in bytes.
const LONGEST: usize = 2_048;

/// The forges that serve without a login over https what they serve over ssh, and whose repositories are
/// `owner/name`; with the word that npm puts before its short form.
const FORGES: [(&str, &str); 3] =
    [("github", "github.com"), ("gitlab", "gitlab.com"), ("bitbucket", "bitbucket.org")];

/// Pages that forges show below a repository; what follows is no part of its address.
const PAGES: [&str; 26] = [
    "-",
    "actions",
    "archive",
    "blame",
    "blob",
    "branches",
    "commit",
    "commits",
    "discussions",
    "edit",
    "graphs",
    "issues",
    "merge_requests",
    "milestones",
    "network",
    "packages",
    "projects",
    "pull",
    "pulls",
    "raw",
    "releases",
    "security",
    "src",
    "tags",
    "tree",
    "wiki",
];

/// First segments of a forge's paths that are no owner of repositories.
const NOT_OWNERS: [&str; 10] = [
    "about",
    "apps",
    "collections",
    "features",
    "marketplace",
    "orgs",
    "settings",
    "sponsors",
    "topics",
    "users",
];

/// The repository and the folder in it that a text of a registry names; `None` where it names none that git reads.
///
/// The repository is `https://…`, `ssh://git@…`, or `http://…` on this machine; without credentials, query and
/// fragment. The folder is `/`-separated, and empty at the root or where none is named.
///
/// Read are the forms that npm documents for `repository` (`owner/name`, `github:owner/name`, `gist:…`,
/// `git+https://…`), git's own (`git://…`, `git@host:path`), and the pages that a person copies
/// (`https://host/owner/name/tree/main/packages/x`). Plain `http` and `git` become `https`: neither says who answers.
pub fn clean_address(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let odd =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '"' | '\'' | '<' | '>' | '`');
    if text.len() > LONGEST || text.starts_with('-') || text.chars().any(odd) {
        return None;
    }
    let text = text.strip_prefix("git+").unwrap_or(text);
    if let Some(rest) = text.strip_prefix("gist:") {
        return from_url(&format!("https://gist.github.com/{rest}"));
    }
    let short =
        FORGES.iter().find_map(|(word, host)| Some((text.strip_prefix(word)?.strip_prefix(':')?, *host)));
    if let Some((rest, host)) = short {
        return from_short(rest, host);
    }
    if text.contains("://") {
        return from_url(text);
    }
    match text.split_once(':') {
        Some((host, path)) => from_scp(host, path),
        None => from_short(text, "github.com"),
    }
}

/// A folder as metadata writes it (`./packages/x/`), brought to the form of [`SourceClaim::directory`]; `None` where
/// it leads out of the repository or no tree can hold it.
///
/// [`SourceClaim::directory`]: super::SourceClaim::directory
pub fn clean_directory(text: &str) -> Option<String> {
    if text.len() > LONGEST || text.starts_with('/') || text.chars().any(|c| c.is_control() || c == '\\') {
        return None;
    }
    let segments: Vec<&str> = text.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
    (!segments.contains(&"..")).then(|| segments.join("/"))
}

/// Whether a cleaned address is on a host that is known to show repositories, and nothing else, at such addresses.
pub fn is_on_forge(repository: &str) -> bool {
    const MORE: [&str; 4] = ["codeberg.org", "git.sr.ht", "opendev.org", "salsa.debian.org"];
    let url = Url::parse(repository).ok();
    url.as_ref().and_then(Url::host_str).is_some_and(|host| {
        is_forge(host) || MORE.contains(&host) || host.starts_with("gitlab.") || host.starts_with("git.")
    })
}

/// npm's `owner/name`, perhaps with `#commit` behind.
fn from_short(text: &str, host: &str) -> Option<(String, String)> {
    let path = text.split('#').next().unwrap_or_default();
    let mut segments = path.split('/');
    let plain = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with(['-', '.'])
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let deep = host == "gitlab.com";
    let count = segments.clone().count();
    if count < 2 || (count > 2 && !deep) || !segments.all(plain) {
        return None;
    }
    from_url(&format!("https://{host}/{path}"))
}

/// `git@host:path`, as ssh's copy program writes it.
fn from_scp(host: &str, path: &str) -> Option<(String, String)> {
    let host = host.rsplit('@').next()?;
    // `ext::sh -c …` names a program; `C:/…` is a drive; a lone word is a scheme that git does not have.
    if path.starts_with(':') || !host.contains('.') || host.contains('/') {
        return None;
    }
    from_url(&format!("ssh://{host}/{}", path.trim_start_matches('/')))
}

/// An address with a scheme.
fn from_url(text: &str) -> Option<(String, String)> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty() && !host.starts_with('-'))?;
    let host = host.strip_prefix("www.").filter(|rest| is_forge(rest)).unwrap_or(host).to_ascii_lowercase();
    // Hosts of schemes that the URL standard does not know are taken as they come.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'[' | b']' | b':');
    if !host.bytes().all(plain) {
        return None;
    }
    let scheme = match url.scheme() {
        "ssh" if is_forge(&host) => "https",
        "http" if is_loopback(&url) => "http",
        "http" | "https" | "git" => "https",
        "ssh" => "ssh",
        _ => return None,
    };
    let kept = scheme == url.scheme() || (scheme == "https" && url.scheme() == "http");
    let port = url.port().filter(|_| kept).map(|port| format!(":{port}")).unwrap_or_default();
    let user = if scheme == "ssh" { "git@" } else { "" };
    let segments = segments(url.path())?;
    let (repository, directory) = split(&segments, &host)?;
    Some((format!("{scheme}://{user}{host}{port}/{repository}"), directory))
}

/// The parts of a path, percent-decoded where that is needed; `None` where one could mean something else to
/// somebody.
fn segments(path: &str) -> Option<Vec<String>> {
    let decoded = path.split('/').filter(|segment| !segment.is_empty()).map(|segment| {
        let text = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | '%' | '?' | '#');
        (!matches!(&*text, "." | "..") && !text.chars().any(odd)).then(|| text.into_owned())
    });
    decoded.collect()
}

/// Where the repository's path ends and the folder in it begins.
fn split(segments: &[String], host: &str) -> Option<(String, String)> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'@');
    let known = is_forge(host);
    let page = segments.iter().skip(2).position(|segment| PAGES.contains(&segment.as_str()));
    let end = match page.map(|index| index + 2) {
        _ if known && host != "gitlab.com" => 2,
        Some(end) => end,
        None => segments.len(),
    };
    let repository = segments.get(..end).filter(|repository| !repository.is_empty())?;
    if !repository.iter().all(|segment| segment.bytes().all(plain)) {
        return None;
    }
    if known && (repository.len() < 2 || repository.first().is_some_and(|s| NOT_OWNERS.contains(&s.as_str())))
    {
        return None;
    }
    let mut repository = repository.join("/");
    if known && let Some(bare) = repository.strip_suffix(".git") {
        repository.truncate(bare.len());
    }
    let directory = folder(segments.get(end..).unwrap_or_default());
    Some((repository, directory))
}

/// The folder that a page below a repository shows: `tree/main/packages/x`, `-/tree/main/x`, `src/branch/main/x`.
/// A branch with a slash in its name cannot be told from a folder; branches are taken to have none.
fn folder(page: &[String]) -> String {
    let page: Vec<&str> = page.iter().map(String::as_str).filter(|segment| *segment != "-").collect();
    match page.as_slice() {
        ["tree", _, "item", rest @ ..] | ["src", "branch" | "tag" | "commit", _, rest @ ..] => rest.join("/"),
        ["tree" | "src", _, rest @ ..] => rest.join("/"),
        _ => String::new(),
    }
}

fn is_forge(host: &str) -> bool {
    FORGES.iter().any(|(_, forge)| *forge == host)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        match clean_address(text) {
            None => "none".to_owned(),
            Some((repository, directory)) if directory.is_empty() => repository,
            Some((repository, directory)) => format!("{repository} in {directory}"),
        }
    }

    #[test]
    fn every_spelling_of_a_repository_gives_its_address() {
        let plain = "https://github.com/owner/repo";
        for text in [
            "owner/repo",
            "github:owner/repo",
            "github:owner/repo#main",
            "https://github.com/owner/repo",
            "https://github.com/owner/repo/",
            "https://github.com/owner/repo.git",
            "git+https://github.com/owner/repo.git#readme",
            "git://github.com/owner/repo.git",
            "git+ssh://git@github.com/owner/repo.git",
            "git@github.com:owner/repo.git",
            "ssh://git@github.com:22/owner/repo.git",
            "http://www.github.com/owner/repo?tab=readme",
            "https://me:secret@github.com/owner/repo",
            "HTTPS://GitHub.com/owner/repo",
            "https://github.com/owner/repo/issues",
            "https://github.com/owner/repo/blob/main/README.md",
            " https://github.com/owner/repo\n",
        ] {
            assert_eq!(cleaned(text), plain, "{text}");
        }
    }

    #[test]
    fn other_hosts_and_folders_are_kept() {
        for (text, want) in [
            ("gitlab:group/sub/repo", "https://gitlab.com/group/sub/repo"),
            ("bitbucket:owner/repo", "https://bitbucket.org/owner/repo"),
            ("gist:11081aaa281", "https://gist.github.com/11081aaa281"),
            ("git@git.example:team/x.git", "ssh://git@git.example/team/x.git"),
            ("ssh://bob:pw@git.example:2222/team/x", "ssh://git@git.example:2222/team/x"),
            ("git://git.example:9418/x", "https://git.example/x"),
            ("http://git.example:8080/x", "https://git.example:8080/x"),
            ("http://127.0.0.1:3000/x.git", "http://127.0.0.1:3000/x.git"),
            ("https://git.example/~me/x/", "https://git.example/~me/x"),
            ("https://github.com/o/r/tree/main/packages/x", "https://github.com/o/r in packages/x"),
            (
                "https://github.com/o/r/tree/main/packages/%40s/x#readme",
                "https://github.com/o/r in packages/@s/x",
            ),
            ("https://gitlab.com/g/s/r/-/tree/main/x/y", "https://gitlab.com/g/s/r in x/y"),
            ("https://bitbucket.org/o/r/src/main/x/", "https://bitbucket.org/o/r in x"),
            ("https://forge.example/o/r/src/branch/main/x", "https://forge.example/o/r in x"),
            ("https://git.example/~me/r/tree/main/item/x", "https://git.example/~me/r in x"),
        ] {
            assert_eq!(cleaned(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_or_a_hostile_one_is_refused() {
        for text in [
            "",
            "-",
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=x",
            "ssh://-oProxyCommand=x/y",
            "git@-oProxyCommand=x:y",
            "ext::sh -c true",
            "ext::sh%20-c",
            "fd::3",
            "transport::https://git.example/x",
            "file:///etc",
            "/etc/passwd",
            "../x/y",
            "./x",
            "C:/repo",
            "C:\\repo",
            "owner",
            "a/b/c",
            "owner/repo/../..",
            "svn+ssh://svn.example/x",
            "hg+https://hg.example/x",
            "ftp://git.example/x",
            "javascript:alert(1)",
            "https://",
            "https://git.example/",
            "https://github.com/owner",
            "https://github.com/sponsors/owner",
            "https://git.example/a%0ab/c",
            "https://git.example/a%2fb/c",
            "https://git.example/a b",
            "https://git.example/x\n--upload-pack=y",
            "https://git.example/$(x)",
            "workspace:*",
        ] {
            assert_eq!(cleaned(text), "none", "{text:?}");
        }
        assert_eq!(cleaned(&format!("https://git.example/{}", "x".repeat(3_000))), "none");
    }

    #[test]
    fn folders_stay_in_the_repository() {
        for (text, want) in [
            ("", Some("")),
            ("./packages/x/", Some("packages/x")),
            ("packages//x", Some("packages/x")),
            ("../x", None),
            ("a/../../x", None),
            ("/x", None),
            ("a\\b", None),
            ("a\nb", None),
        ] {
            assert_eq!(clean_directory(text).as_deref(), want, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_comes_out_is_safe_and_stays_as_it_is(
            text in "(git\\+|github:|gist:|ssh://|https?://|git://|git@|file://|ext::|-)?[ -~\n]{0,20}[/:]?[!-~]{0,24}(/tree/main/)?[!-~]{0,12}",
        ) {
            if let Some((repository, directory)) = clean_address(&text) {
                proptest::prop_assert!(!repository.contains(|c: char| c.is_control() || c.is_whitespace()));
                proptest::prop_assert!(["https://", "http://", "ssh://git@"].iter().any(|start| repository.starts_with(start)));
                proptest::prop_assert_eq!(clean_directory(&directory), Some(directory));
                proptest::prop_assert_eq!(clean_address(&repository), Some((repository, String::new())));
            }
        }
    }
}
