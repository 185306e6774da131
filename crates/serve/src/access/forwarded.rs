//! Where a request comes from, and what the client calls this server: the connection's own word, and a proxy's where
//! the operator trusts it. Anybody can write these header fields; only an address cannot be chosen.

use crate::asked;
use axum::http::{HeaderMap, HeaderName, header};
#[cfg(test)]
use std::net::Ipv4Addr;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Most hops that are looked at.
const MAX_HOPS: usize = 16;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Whether the connection is under TLS.
    pub(crate) secure: bool,
}

/// In which header fields the trusted proxies speak. A proxy overwrites the fields that it knows and passes on those
/// that it does not, so that believing both would be believing the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Rfc7239,
}

/// Addresses with a common beginning: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address or network: write 10.0.0.0/8, 192.0.2.7 or fd00::/8")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.chars().take(60).collect());
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(whole), |bits| bits.parse::<u8>().map_err(|_| bad()))?;
        if bits > whole {
            return Err(bad());
        }
        Ok(Self {
            address: plain(address),
            bits: if plain(address) == address { bits } else { bits.saturating_sub(96) },
        })
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, unused: u32| a.checked_shr(unused) == b.checked_shr(unused);
        match (self.address, plain(address)) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(u32::from(ours).into(), u32::from(theirs).into(), 32 - u32::from(self.bits))
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                same(ours.into(), theirs.into(), 128 - u32::from(self.bits))
            }
            _ => false,
        }
    }
}

/// A socket for both families shows IPv4 addresses in IPv6's clothes.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        v4 => v4,
    }
}

/// Whoever can take one IPv6 address can take the 2⁶⁴ beside it.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match plain(address) {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 => v4,
    }
}

/// What is known of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address; `None` where the server was not told.
    pub(crate) address: Option<IpAddr>,
    /// This server's address in its own words, `https://mill.example`.
    pub(crate) origin: Option<String>,
}

/// What one proxy says of whoever asked it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hop {
    address: Option<IpAddr>,
    secure: Option<bool>,
    host: Option<String>,
}

/// Who asks, as far as the connection and the trusted proxies tell.
pub(super) fn client(headers: &HeaderMap, peer: Option<Peer>, trusted: &[Network], how: Forwarded) -> Client {
    let direct = peer.map(|peer| peer.address.ip());
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.holds(*address));
    let mut secure = peer.is_some_and(|peer| peer.secure);
    let mut host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let mut address = direct;
    if direct.as_ref().is_some_and(is_trusted) {
        let hops = match how {
            Forwarded::XForwarded => x_forwarded(headers),
            Forwarded::Rfc7239 => rfc7239(headers),
        };
        // From the nearest proxy outwards: each hop is believed because the one that says it is.
        for hop in hops.into_iter().rev().take(MAX_HOPS) {
            secure = hop.secure.unwrap_or(secure);
            host = hop.host.or(host);
            address = hop.address.or(address);
            if !hop.address.as_ref().is_some_and(is_trusted) {
                break;
            }
        }
    }
    Client { address: address.map(plain), origin: host.and_then(|host| asked::origin(&host, secure)) }
}

/// `X-Forwarded-*`, outermost first. `-Proto` and `-Host` may list fewer hops than `-For`: their last entries are the
/// nearest proxy's.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let mut protos = list(headers, &HeaderName::from_static("x-forwarded-proto"));
    let mut hosts = list(headers, &HeaderName::from_static("x-forwarded-host"));
    let mut addresses = list(headers, &HeaderName::from_static("x-forwarded-for"));
    let length = protos.len().max(hosts.len()).max(addresses.len()).min(MAX_HOPS);
    let mut hops: Vec<Hop> = (0..length)
        .map(|_| Hop {
            address: addresses.pop().as_deref().and_then(node),
            secure: protos.pop().as_deref().and_then(scheme),
            host: hosts.pop(),
        })
        .collect();
    hops.reverse();
    hops
}

/// `Forwarded` (RFC 7239, section 4), outermost first.
fn rfc7239(headers: &HeaderMap) -> Vec<Hop> {
    list(headers, &header::FORWARDED).iter().map(|element| element_of(element)).collect()
}

fn element_of(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in element.split(';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = node(value),
            "proto" => hop.secure = scheme(value),
            "host" => hop.host = Some(value.to_owned()),
            _ => {}
        }
    }
    hop
}

/// The entries of a field that may stand several times. No value that is believed holds a comma.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let fields = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let entries = fields.flat_map(|field| field.split(',')).map(|entry| entry.trim().to_owned());
    entries.filter(|entry| !entry.is_empty()).collect()
}

/// An address, with or without brackets and port; `unknown` and hidden names are none.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(plain(address));
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(plain(socket.ip()));
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn scheme(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "https" => Some(true),
        "http" => Some(false),
        _ => None,
    }
}

/// An address nobody has, for tests of what is not trusted.
#[cfg(test)]
pub(super) const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn seen(peer: &str, how: Forwarded, pairs: &[(&'static str, &str)]) -> (String, String) {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let peer = Peer { address: SocketAddr::new(peer.parse().unwrap(), 9), secure: false };
        let client = client(&headers(pairs), Some(peer), &trusted, how);
        (client.address.unwrap().to_string(), client.origin.unwrap_or_default())
    }

    const ALL: [(&str, &str); 4] = [
        ("host", "inner"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "mill.example"),
    ];

    fn pair(address: &str, origin: &str) -> (String, String) {
        (address.to_owned(), origin.to_owned())
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let x = |peer| seen(peer, Forwarded::XForwarded, &ALL);
        assert_eq!(x("192.0.2.1"), pair("192.0.2.1", "http://inner"));
        assert_eq!(x("10.1.2.3"), pair(&NOBODY.to_string(), "https://mill.example"));
        assert_eq!(x("::ffff:10.1.2.3"), pair(&NOBODY.to_string(), "https://mill.example"));
        assert_eq!(x("fd00::1"), pair(&NOBODY.to_string(), "https://mill.example"));
        let other = seen("10.1.2.3", Forwarded::Rfc7239, &ALL);
        assert_eq!(other, pair("10.1.2.3", "http://inner"), "the fields that the proxy does not write");
    }

    #[test]
    fn the_first_hop_that_is_not_trusted_is_the_client() {
        let lies = [
            ("host", "m"),
            ("x-forwarded-for", "8.8.8.8, 203.0.113.9, 10.9.9.9"),
            ("x-forwarded-proto", "https, http"),
        ];
        assert_eq!(seen("10.0.0.1", Forwarded::XForwarded, &lies), pair("203.0.113.9", "https://m"));
        let chain = [
            ("host", "m"),
            (
                "forwarded",
                "for=8.8.8.8;proto=http, for=\"[2001:db8::7]:1\";proto=https;host=mill.example, For=10.9.9.9;proto=http",
            ),
        ];
        assert_eq!(seen("10.0.0.1", Forwarded::Rfc7239, &chain), pair("2001:db8::7", "https://mill.example"));
        let hidden = [("host", "m"), ("forwarded", "for=8.8.8.8, for=unknown;proto=https")];
        assert_eq!(seen("10.0.0.1", Forwarded::Rfc7239, &hidden), pair("10.0.0.1", "https://m"));
    }

    #[test]
    fn a_host_with_more_than_a_host_is_none() {
        let odd = [("host", "m"), ("x-forwarded-host", "m/../\"x")];
        assert_eq!(seen("10.0.0.1", Forwarded::XForwarded, &odd).1, "");
    }

    #[test]
    fn networks_are_read_and_hold_what_they_say() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().holds(address.parse().unwrap())
        };
        for (network, address) in [
            ("0.0.0.0/0", "203.0.113.9"),
            ("10.0.0.0/8", "10.255.0.1"),
            ("192.0.2.7", "192.0.2.7"),
            ("::/0", "2001:db8::1"),
            ("::1", "::1"),
            ("::ffff:10.0.0.0/104", "10.1.1.1"),
        ] {
            assert!(holds(network, address), "{network} {address}");
        }
        for (network, address) in
            [("10.0.0.0/8", "11.0.0.1"), ("0.0.0.0/0", "::1"), ("192.0.2.7", "192.0.2.8"), ("::1", "::2")]
        {
            assert!(!holds(network, address), "{network} {address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "x", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn neighbours_of_an_ipv6_address_are_one() {
        let of = |text: &str| household(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[ -~]{0,60}", network in "[0-9a-f:./]{0,20}") {
            let _ = network.parse::<Network>();
            for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"] {
                for how in [Forwarded::XForwarded, Forwarded::Rfc7239] {
                    seen("10.0.0.1", how, &[(name, &text)]);
                }
            }
        }
    }
}
