//! `trustmill guard export`: the record as a signed statement.

use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use clap::Args;
use std::path::Path;
use trustmill_core::Timestamp;
use trustmill_doors::log::Log as Record;
use trustmill_trust::attest::guarded::{Guarded, sign_guarded};
use trustmill_trust::keys::file as key_file;

/// The record as a statement, signed with the guard's own key
#[derive(Args)]
pub(super) struct Export {
    /// Only this session
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
}

impl Export {
    pub(super) fn run(self, state: &Path) -> Result<Exit, Failure> {
        // The chain is checked from its first record before anything is said of it.
        let (checked, records) = Record::look(state)?;
        let mine = records
            .iter()
            .filter(|record| self.session.is_none() || record.event.session() == self.session.as_deref());
        let said = Guarded {
            chain_length: checked.next,
            chain_head: checked.head,
            records: mine.map(|record| serde_json::to_value(record).unwrap_or_default()).collect(),
            session: self.session.clone(),
            at: Timestamp::now(),
        };
        let key = key_file::open_or_create(&state.join("keys"))?;
        say!("{}", sign_guarded(&said, &key)?.to_json());
        Ok(Exit::Success)
    }
}
