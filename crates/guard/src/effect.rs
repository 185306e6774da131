//! What a tool call does to the world, as far as it matters who allowed it.

use serde::{Deserialize, Serialize};

/// The effect of a call. The order is from mild to hard; what is unknown counts as [`Effect::Access`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing changes anywhere.
    Read,
    /// Something of the user's own is made or changed.
    Write,
    /// Named others receive something.
    Send,
    /// Anybody, or a whole organisation, can see something.
    Publish,
    /// An address outside is asked for something, and learns what the request says.
    Egress,
    /// Money moves, or is promised.
    Pay,
    /// Something of the user's own is gone, or hidden where it is not looked for.
    Destroy,
    /// Somebody gains or loses the right to see or do something; credentials change.
    Access,
}

impl Effect {
    /// Every effect, from mild to hard.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Send,
        Self::Publish,
        Self::Egress,
        Self::Pay,
        Self::Destroy,
        Self::Access,
    ];

    /// The word in catalogues, policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Send => "send",
            Self::Publish => "publish",
            Self::Egress => "egress",
            Self::Pay => "pay",
            Self::Destroy => "destroy",
            Self::Access => "access",
        }
    }
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
