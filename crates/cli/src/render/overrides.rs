//! The views of `trustmill override`.

use super::{clean, table};
use crate::cmd::Shown;

/// One override, whole.
pub(crate) fn one(shown: &Shown) {
    let said = &shown.said;
    println!("override {}  {}", shown.id, shown.standing);
    println!("  of      {} {}", said.project, said.versions);
    println!("  for     {}", said.team.as_deref().map_or_else(|| "everybody".to_owned(), clean));
    println!("  by      {}", clean(&said.by));
    println!("  why     {}", clean(&said.why));
    println!("  since   {}", said.since);
    println!("  until   {}", said.until);
    println!("  lifts   {}", if said.even_malicious { "holds and blocks, malware too" } else { "holds" });
    if let Some(revoked) = &shown.revoked {
        println!("  revoked {} by {}: {}", revoked.at, clean(&revoked.by), clean(&revoked.why));
    }
}

/// All of them, a line each.
pub(crate) fn list(all: &[Shown]) {
    if all.is_empty() {
        println!("there are no overrides; `trustmill override add PURL --why TEXT --until 14d` makes one");
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
    println!("{}", rows.trim_fmt());
}
