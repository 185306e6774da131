//! What varies between two samples of one form, drawn from a seed: the same seed gives the same samples.

/// Draws.
pub(crate) struct Draw(u64);

impl Draw {
    /// Draws that depend on a text and a seed.
    pub(crate) fn new(text: &str, seed: u64) -> Self {
        Self(text.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// A number below `end`: SplitMix64.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap_or(0)
    }

    /// One of several. The slice must not be empty.
    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len());
        *choices.get(at).or(choices.first()).unwrap_or_else(|| unreachable!("there is always a choice"))
    }

    /// A name that a person would give.
    pub(crate) fn name(&mut self) -> String {
        let first = self
            .of(&["init", "load", "sync", "check", "setup", "report", "update", "core", "shared", "build"]);
        let second = self
            .of(&["Cache", "State", "Env", "Utils", "Config", "Metrics", "Client", "Data", "Info", "Task"]);
        format!("{first}{second}")
    }

    /// A file's stem.
    pub(crate) fn stem(&mut self) -> String {
        let first = self.of(&[
            "telemetry",
            "postbuild",
            "compat",
            "runtime",
            "polyfill",
            "vendor",
            "_version_info",
            "metrics",
        ]);
        format!("{first}{}", self.of(&["", "_core", "_helper", "2"]))
    }

    /// A host that nobody can own.
    pub(crate) fn host(&mut self) -> &'static str {
        self.of(&[
            "collect.example.com",
            "cdn.example.net",
            "api.example.org",
            "192.0.2.7",
            "198.51.100.4",
            "203.0.113.99",
            "stats.example.com",
            "updates.example.net",
        ])
    }

    /// A web address on such a host.
    pub(crate) fn url(&mut self) -> String {
        let scheme = self.of(&["https", "http", "https"]);
        let path = self.of(&[
            "/c",
            "/api/v1/report",
            "/webhook/T0/B0/xyz",
            "/u",
            "/index.php",
            "/api/webhooks/1/abc",
            "/log",
        ]);
        format!("{scheme}://{}{path}", self.host())
    }

    /// An identifier as obfuscators make them.
    pub(crate) fn machine_name(&mut self) -> String {
        format!("_0x{:05x}", self.below(0xf_ffff))
    }
}
