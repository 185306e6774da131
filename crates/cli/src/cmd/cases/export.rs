//! `trustmill cases export`.

use super::super::Global;
use super::steps;
use crate::document;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::{complain, write};
use clap::Args;
use std::path::PathBuf;
use trustmill_factory::cases::Cases as Store;
use trustmill_factory::cases::export::{Conversation, Shape, about};

/// Write attempts as training data.
#[derive(Args)]
pub(super) struct Export {
    /// openai, google, sharegpt, messages
    #[arg(long, value_name = "SHAPE", default_value = "messages")]
    shape: Shape,
    /// Misses too; else only what the oracle took
    #[arg(long)]
    misses: bool,
    /// What is held out too: a model that learnt it can no longer be measured on it
    #[arg(long)]
    held_out: bool,
    /// Where the lines go [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where it is written what each line is of, line by line
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, global: &Global, store: &Store<'_>) -> Result<Exit, Failure> {
        let (mut lines, mut index, mut count) = (String::new(), String::new(), 0u32);
        for case in store.all().await? {
            if (case.is_held_out() && !self.held_out) || (!case.is_accepted() && !self.misses) {
                continue;
            }
            let of_session = match steps(store, &case).await? {
                Some(transcript) => Conversation::of_steps(transcript.steps()),
                None => None,
            };
            let patch = store.text(case.patch.as_ref()).await?;
            let conversation = match of_session {
                Some(conversation) => conversation,
                // Without a transcript and without a patch nothing was said.
                None if patch.is_empty() => continue,
                None => Conversation::of_patch(&case, &store.text(case.log.as_ref()).await?, &patch),
            };
            lines.push_str(&conversation.line(self.shape));
            lines.push('\n');
            index.push_str(&about(&case).to_string());
            index.push('\n');
            count += 1;
        }
        if let Some(path) = &self.index {
            document::write_text(&index, path)?;
        }
        match &self.output {
            Some(path) => document::write_text(&lines, path)?,
            None => write(&lines),
        }
        if !global.json {
            complain!("{count} cases, secrets and personal data taken out");
        }
        Ok(Exit::Success)
    }
}
