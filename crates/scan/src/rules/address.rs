//! What can be said of an address by itself.

/// What is known of where something goes; the order is from harmless to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reputation {
    /// Nothing.
    Plain,
    /// A number instead of a name.
    BareAddress,
    /// A place where anybody collects what is sent, without an account that could be traced: webhooks of chats, request
    /// bins, tunnels, testers of out-of-band calls, paste bins.
    DropBox,
}

impl Reputation {
    /// For the end of a sentence.
    pub(super) const fn phrase(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::BareAddress => " to a bare address",
            Self::DropBox => " to where anybody can collect it",
        }
    }
}

/// Whether a text holds a webhook with the secret that lets anybody use it: such a secret in published code is there for
/// whoever runs the code to be reported by.
pub(super) fn is_open_webhook(text: &str) -> bool {
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let secret = |rest: &str, least: usize| {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).count() >= least
    };
    let discord = after("/api/webhooks/").and_then(|rest| rest.split_once('/')).is_some_and(|(id, rest)| {
        id.len() >= 15 && id.bytes().all(|c| c.is_ascii_digit()) && secret(rest, 40)
    });
    let telegram = after("api.telegram.org/bot").and_then(|rest| rest.split_once(':'));
    let telegram = telegram.is_some_and(|(id, rest)| {
        id.len() >= 8 && id.bytes().all(|c| c.is_ascii_digit()) && secret(rest, 30)
    });
    let slack = after("hooks.slack.com/services/T")
        .is_some_and(|rest| rest.matches('/').count() >= 2 && rest.len() > 30);
    discord || telegram || slack
}

/// Parts of addresses of such places, beside the [`CATCHERS`]. Places that honest programs use too are not listed: alone they
/// say nothing.
const DROP_BOXES: &[&str] = &[
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "canary.discord.com/api/webhooks",
    "ptb.discord.com/api/webhooks",
    "api.telegram.org/bot",
    "hooks.slack.com/services/t",
    "ngrok.io",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok-free.dev",
    "ngrok.dev",
    "trycloudflare.com",
    "localhost.run",
    "serveo.net",
    "loca.lt",
    "mockbin",
    "mockapi.io",
    "bin.sh",
    "transfer.sh",
    "file.io",
    "anonfiles",
    "gofile.io",
    "0x0.st",
    "catbox.moe",
    "pastebin.com/raw",
    "pastebin.com/api",
    "paste.ee",
    "rentry.co",
    "hastebin",
];

/// Such places that are made to catch what somebody else's program sends, and for nothing else.
const CATCHERS: &[&str] = &[
    "webhook.site",
    "requestbin",
    "pipedream.net",
    ".oast.",
    "oastify.com",
    "interact.sh",
    "interactsh",
    "burpcollaborator",
    "canarytokens",
    "beeceptor.com",
    "requestcatcher.com",
    "hookb.in",
    "hookbin.com",
    "postb.in",
    "requestrepo.com",
    "webhook.cool",
    "dnslog.cn",
    "ceye.io",
    "dnsbin",
    "bxss.me",
];

/// Whether a text holds an address that is made to catch what somebody else's program sends.
pub(super) fn is_catcher(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    CATCHERS.iter().any(|part| lower.contains(part))
}

/// The host of an address that stands in the program, unless it is near: with a scheme, or as the whole of the text.
pub(super) fn host(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?', '#', ' ']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let named = host.contains('.')
        && host.len() > 3
        && host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
        && !host.ends_with(['.', '-']);
    let near = host.ends_with(".local") || host.ends_with(".localhost") || host.ends_with(".internal");
    let file = !text.contains("://") && text.contains(['/', ' ']);
    let number = host.parse::<core::net::Ipv4Addr>();
    let far = number.map_or_else(|_| host.bytes().any(|c| c.is_ascii_alphabetic()), is_somebody_elses);
    (named && far && !near && !file).then_some(host)
}

/// Whether a text is an address on a host that gives pages and programs away.
pub(super) fn is_free(text: &str) -> bool {
    const HOSTS: [&str; 20] = [
        ".netlify.app",
        ".vercel.app",
        ".herokuapp.com",
        ".onrender.com",
        ".pythonanywhere.com",
        ".workers.dev",
        ".pages.dev",
        ".web.app",
        ".firebaseio.com",
        ".repl.co",
        ".replit.app",
        ".glitch.me",
        ".railway.app",
        ".fly.dev",
        ".duckdns.org",
        ".no-ip.org",
        ".ddns.net",
        ".000webhostapp.com",
        ".deno.dev",
        ".surge.sh",
    ];
    named(text).is_some_and(|host| HOSTS.iter().any(|end| host.ends_with(end)))
}

/// The host of an address that nobody takes for something else: with a scheme, or by its end.
pub(super) fn named(text: &str) -> Option<&str> {
    /// Two letters are a country; but these are files as well.
    const FILES: [&str; 9] = ["py", "rs", "js", "md", "ts", "so", "sh", "cc", "pl"];
    const ENDS: [&str; 18] = [
        "com", "net", "org", "dev", "app", "xyz", "info", "top", "site", "online", "space", "club", "live",
        "biz", "tech", "store", "cloud", "run",
    ];
    let known = text.split_once("://").map_or(text, |(_, rest)| rest);
    let domain = known.split(['/', '?', ' ']).next().unwrap_or_default();
    // `{what}.example.com`: what is put before it is told to whoever answers for the names.
    let host = match domain.rsplit_once('\u{FFFC}') {
        Some((_, rest)) => host(rest.strip_prefix('.')?)?,
        None => host(text)?,
    };
    let end = host.rsplit('.').next().unwrap_or_default();
    let country = end.len() == 2 && end.bytes().all(|c| c.is_ascii_lowercase()) && !FILES.contains(&end);
    let number = host.parse::<core::net::Ipv4Addr>().is_ok();
    (text.contains("://") || number || country || ENDS.contains(&end)).then_some(host)
}

/// Whether a text is the address of a machine by its number, and of none that is near.
pub(super) fn is_bare(text: &str) -> bool {
    text.contains("://") && has_public_ipv4(text)
}

/// Whether an address is of another machine, in the clear and at a port that no page has.
pub(super) fn is_open(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return false };
    let end = rest.split(['/', '?', '\u{FFFC}']).next().unwrap_or_default();
    let port = end.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    host(text).is_some() && port.is_some_and(|port| !matches!(port, 0 | 80 | 443))
}

/// What is known of an address, or of a text that holds one.
pub(super) fn reputation(text: &str) -> Reputation {
    let lower = text.to_ascii_lowercase();
    if DROP_BOXES.iter().chain(CATCHERS).any(|part| lower.contains(part)) {
        Reputation::DropBox
    } else if has_public_ipv4(&lower) {
        Reputation::BareAddress
    } else {
        Reputation::Plain
    }
}

/// Whether a text holds the IPv4 address of a machine that is not near: after `://`, or as the whole of it.
fn has_public_ipv4(text: &str) -> bool {
    let after = text.match_indices("://").map(|(at, sign)| text.get(at + sign.len()..).unwrap_or_default());
    after.chain(std::iter::once(text)).any(|rest| {
        let host: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let follows = rest.as_bytes().get(host.len());
        let ends = follows.is_none_or(|c| matches!(c, b':' | b'/' | b' ' | b'?' | b'"' | b'\''));
        ends && host.parse::<core::net::Ipv4Addr>().is_ok_and(is_somebody_elses)
    })
}

/// Whether an address is of a machine that is not near, and of none that everybody names.
fn is_somebody_elses(ip: core::net::Ipv4Addr) -> bool {
    let near = ip.is_loopback() || ip.is_private() || ip.is_unspecified() || ip.is_link_local();
    let many = ip.is_broadcast() || ip.is_multicast();
    let resolver = matches!(
        ip.octets(),
        [8, 8, 8 | 4, 8 | 4] | [1, 1, 1, 1] | [1, 0, 0, 1] | [9, 9, 9, 9] | [0..=4, ..]
    );
    !near && !many && !resolver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_what_they_are() {
        assert_eq!(reputation("https://discord.com/api/webhooks/1/x"), Reputation::DropBox);
        assert_eq!(reputation("http://192.0.2.1:8080/a"), Reputation::BareAddress);
        assert_eq!(reputation("192.0.2.7"), Reputation::BareAddress);
        assert_eq!(reputation("http://127.0.0.1/a"), Reputation::Plain);
        assert_eq!(reputation("https://example.com/1.2.3.4"), Reputation::Plain);
        assert_eq!(reputation("1.2.3"), Reputation::Plain);
    }

    #[test]
    fn a_port_of_its_own_in_the_clear_is_told() {
        assert!(is_open("http://a.example:4242/x") && is_open("http://192.0.2.1:3000"));
        for near in
            ["http://a.example/x", "https://a.example:8443/", "http://localhost:80/", "http://10.0.0.1:8000/"]
        {
            assert!(!is_open(near), "{near}");
        }
    }

    #[test]
    fn hosts_are_those_of_other_machines() {
        assert_eq!(host("https://a.example.com/x?y"), Some("a.example.com"));
        assert_eq!(host("x.a.example.com"), Some("x.a.example.com"));
        assert_eq!(host("http://192.0.2.1:80/x"), Some("192.0.2.1"));
        for near in [
            "http://localhost:80/x",
            "127.0.0.1",
            "http://10.0.0.1/",
            "data/x.txt",
            "hello",
            "\u{FFFC}.a.com",
        ] {
            assert_eq!(host(near), None, "{near}");
        }
    }
}
