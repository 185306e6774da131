//! Rules: each reads the facts of a package and says what it found. One file each.
//!
//! A rule has one id everywhere (reports, SARIF, docs, samples): its file's name with dashes. Its samples are in
//! `samples/ID/`, encoded (how, `tests/it/samples.rs` says): `bad-*` it must find, `near-*` it may note and must not
//! hold, `good-*` it must not find.

pub mod added;
mod address;
mod agent_abuse;
mod clone;
mod dependency_confusion;
mod destruction;
mod disguised_file;
mod download_then_run;
mod dropped_program;
mod exfiltration;
mod fetched_code;
mod hidden_address;
mod hidden_characters;
mod hidden_code;
mod hidden_command;
mod import_runs;
mod install_command;
mod install_runs;
mod install_writes;
mod lone_bytecode;
mod memory_injection;
mod miner;
mod module_taken;
mod native_only;
mod new_address;
mod new_binary;
mod new_capability;
mod new_dependency;
mod new_install_hook;
mod not_in_source;
mod obfuscated_source;
mod obfuscation_jump;
mod odd_archive;
mod persistence;
mod pickle_code;
mod placeholder;
mod protection_off;
mod provenance_change;
mod reverse_shell;
mod secret_files;
mod shell_fetch;
mod size_jump;
mod spying;
mod typosquat;
mod unread_code;
mod wallet_redirection;
mod worm;

use crate::facts::Reached;
use crate::package::{File, Kind, Package};
use crate::program::At;
use added::Added;
pub use clone::fingerprint;
use trustmill_core::scan::{Family, Finding, Place, When};

/// A rule.
pub trait Rule: Sync {
    /// Its id: lower case and dashes.
    fn id(&self) -> &'static str;
    /// The family of its evidence.
    fn family(&self) -> Family;
    /// What it finds, in one line.
    fn summary(&self) -> &'static str;
    /// What a person looks at to decide whether it is right.
    fn look(&self) -> &'static str;
    /// What it finds in a package.
    fn judge(&self, package: &Package, found: &mut Found<'_>);
}

/// Every rule, by family.
pub const ALL: &[&dyn Rule] = &[
    &install_command::InstallCommand,
    &fetched_code::FetchedCode,
    &download_then_run::DownloadThenRun,
    &dropped_program::DroppedProgram,
    &shell_fetch::ShellFetch,
    &reverse_shell::ReverseShell,
    &exfiltration::Exfiltration,
    &secret_files::SecretFiles,
    &hidden_code::HiddenCode,
    &hidden_characters::HiddenCharacters,
    &lone_bytecode::LoneBytecode,
    &native_only::NativeOnly,
    &pickle_code::PickleCode,
    &obfuscated_source::ObfuscatedSource,
    &unread_code::UnreadCode,
    &persistence::Persistence,
    &worm::Worm,
    &destruction::Destruction,
    &wallet_redirection::WalletRedirection,
    &spying::Spying,
    &agent_abuse::AgentAbuse,
    &install_runs::InstallRuns,
    &install_writes::InstallWrites,
    &import_runs::ImportRuns,
    &hidden_command::HiddenCommand,
    &hidden_address::HiddenAddress,
    &disguised_file::DisguisedFile,
    &protection_off::ProtectionOff,
    &memory_injection::MemoryInjection,
    &miner::Miner,
    &odd_archive::OddArchive,
    &new_install_hook::NewInstallHook,
    &new_capability::NewCapability,
    &new_address::NewAddress,
    &new_dependency::NewDependency,
    &obfuscation_jump::ObfuscationJump,
    &new_binary::NewBinary,
    &size_jump::SizeJump,
    &provenance_change::ProvenanceChange,
    &not_in_source::NotInSource,
    &clone::Clone,
    &module_taken::ModuleTaken,
    &typosquat::Typosquat,
    &dependency_confusion::DependencyConfusion,
    &placeholder::Placeholder,
];

/// Whether a file is a whole program in one, where data-flow within a file takes much for possible that is not. A bundle
/// that was good and is changed is known by the change.
fn large(file: &File) -> bool {
    file.bytes.len() > 200_000
}

/// Whether a place of a file is run without anybody calling a function of it: when the package is installed, built or
/// imported.
fn acts(file: &File, reached: Reached) -> bool {
    match file.when {
        When::Installed | When::Started => reached >= Reached::AsProgram,
        // Procedural macros are functions that the compiler calls.
        When::Built => reached >= Reached::Handed || file.kind == Kind::Rust,
        When::Imported | When::Opened => reached >= Reached::Handed,
        When::Never | When::Called => false,
    }
}

/// Whether a place is run by whoever imports a module that the package itself has no use for.
fn is_lone(file: &File, reached: Reached) -> bool {
    file.kind == Kind::Python && file.when == When::Called && reached >= Reached::Handed
}

/// Collects what one rule finds.
pub struct Found<'a> {
    rule: &'a dyn Rule,
    findings: &'a mut Vec<Finding>,
}

impl Found<'_> {
    /// Something at a place of a file. The weight is for code that runs when the package is imported; what runs
    /// earlier or later is weighed by [`judge`](crate::judge).
    pub fn at(&mut self, weight: u8, file: &File, at: At, layer: u16, what: impl Into<String>) {
        let mut layers: Vec<String> =
            file.facts.layers_above(layer).map(|layer| layer.how.to_string()).collect();
        layers.reverse();
        self.push(weight, file.when, file.place(at), file.excerpt(at), layers, what.into());
    }

    /// Something about a file as a whole.
    pub fn file(&mut self, weight: u8, file: &File, what: impl Into<String>) {
        self.push(weight, file.when, file.whole(), String::new(), Vec::new(), what.into());
    }

    /// Something that is said at a place which has no code.
    pub fn place(&mut self, weight: u8, when: When, place: Place, what: impl Into<String>) {
        self.push(weight, when, place, String::new(), Vec::new(), what.into());
    }

    fn push(
        &mut self,
        weight: u8,
        when: When,
        place: Place,
        excerpt: String,
        layers: Vec<String>,
        what: String,
    ) {
        let rule = self.rule;
        let (rule, family, look) = (rule.id().to_owned(), rule.family(), rule.look().to_owned());
        self.findings.push(Finding {
            rule,
            family,
            weight,
            what,
            when,
            place,
            excerpt,
            layers,
            look,
            new: false,
        });
    }
}

/// What all rules find, and those that are added. What the release before had as well is told apart from what is new.
///
/// # Errors
/// The added rules did not look at all of it.
pub fn apply(package: &Package, added: &dyn Added) -> Result<Vec<Finding>, String> {
    let mut findings = all(package, added)?;
    if let Some(before) = package.previous.as_deref() {
        let before = all(before, added)?;
        for finding in &mut findings {
            finding.new = finding.family == Family::Change || !before.iter().any(|old| same(old, finding));
        }
    }
    Ok(findings)
}

fn all(package: &Package, added: &dyn Added) -> Result<Vec<Finding>, String> {
    let mut findings = added.judge(package)?;
    for rule in ALL {
        rule.judge(package, &mut Found { rule: *rule, findings: &mut findings });
    }
    Ok(findings)
}

/// Whether an old finding says what a new one says: at the same path, or of the same line.
fn same(old: &Finding, now: &Finding) -> bool {
    old.rule == now.rule
        && old.what == now.what
        && (old.place.path == now.place.path || (!old.excerpt.is_empty() && old.excerpt == now.excerpt))
}
