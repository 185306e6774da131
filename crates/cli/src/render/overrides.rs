//! The views of `trustmill override`.

use super::{clean, table};
use crate::cmd::Shown;
use crate::out::say;

/// One override, whole.
pub(crate) fn one(shown: &Shown) {
    let said = &shown.said;
    say!("override {}  {}", shown.id, shown.standing);
    say!("  of      {} {}", said.project, said.versions);
    say!("  for     {}", said.team.as_deref().map_or_else(|| "everybody".to_owned(), clean));
    say!("  by      {}", clean(&said.by));
    say!("  why     {}", clean(&said.why));
    say!("  since   {}", said.since);
    say!("  until   {}", said.until);
    say!("  lifts   {}", if said.even_malicious { "holds and blocks, malware too" } else { "holds" });
    if let Some(revoked) = &shown.revoked {
        say!("  revoked {} by {}: {}", revoked.at, clean(&revoked.by), clean(&revoked.why));
    }
}

/// All of them, a line each.
pub(crate) fn list(all: &[Shown]) {
    if all.is_empty() {
        say!("there are no overrides; `trustmill override add PURL --why TEXT --until 14d` makes one");
        return;
    }
    let mut rows = table::new(&["id", "standing", "of", "versions", "for", "until", "by", "why"]);
    for shown in all {
        let said = &shown.said;
        rows.add_row(vec![
            shown.id.clone(),
            shown.standing.to_owned(),
            said.project.to_string(),
            said.versions.to_string(),
            said.team.as_deref().map_or_else(|| "everybody".to_owned(), clean),
            said.until.to_string(),
            clean(&said.by),
            clean(&said.why),
        ]);
    }
    say!("{}", rows.trim_fmt());
}
