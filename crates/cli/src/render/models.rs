//! The views of `trustmill models`.

use super::{clean, table};
use crate::cmd::{ModelTried, ModelsOverview};
use crate::out::say;
use trustmill_factory::models::Use;

/// Money of a table's currency.
pub(crate) fn money(micros: Option<u64>, currency: &str) -> String {
    match micros {
        Some(micros) => format!("{:.4} {}", micros as f64 / 1e6, clean(currency)).trim_end().to_owned(),
        None => "not known".to_owned(),
    }
}

/// Every model, and what is banned.
pub(crate) fn list(overview: &ModelsOverview) {
    if overview.models.is_empty() {
        say!("no model is configured: [[models.providers]] and [models.routes], docs/models.md");
    } else {
        let mut rows = table::new(&["model", "tasks", "family", "route", "region", "in", "out", "used"]);
        for one in &overview.models {
            let unknown = || "not known".to_owned();
            let price = |figure: Option<f64>| figure.map_or_else(unknown, |price| price.to_string());
            rows.add_row(vec![
                clean(&one.model),
                one.routes.join(" "),
                one.family.clone().unwrap_or_else(unknown),
                one.route.map_or_else(unknown, |route| route.to_string()),
                one.region.as_deref().map_or_else(unknown, clean),
                price(one.price.map(|price| price.input)),
                price(one.price.map(|price| price.output)),
                one.refused.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("no: {}", clean(why))),
            ]);
        }
        say!("{}", rows.trim_fmt());
        say!(
            "in, out: {} per million tokens",
            if overview.currency.is_empty() { "price" } else { &overview.currency }
        );
    }
    for (ban, at) in &overview.bans {
        let routes: Vec<_> = ban.routes.iter().map(|route| route.as_str()).collect();
        let routes = if routes.is_empty() { "every route".to_owned() } else { routes.join(", ") };
        say!("banned: {} over {routes}, since {at}, by {}: {}", ban.family, clean(&ban.by), clean(&ban.why));
    }
}

/// What was asked.
pub(crate) fn inventory(used: &[Use], currency: &str) {
    if used.is_empty() {
        say!("no model was asked for anything");
        return;
    }
    let mut rows = table::new(&[
        "family", "provider", "route", "model", "asked", "answered", "tokens", "cost", "first", "last",
    ]);
    for one in used {
        let cost = money(Some(one.micros), currency);
        let cost = if one.unpriced > 0 { format!("{cost} + {} without a price", one.unpriced) } else { cost };
        rows.add_row(vec![
            one.family.clone(),
            clean(&one.provider),
            one.route.to_string(),
            clean(&one.model),
            one.asked.to_string(),
            one.answered.to_string(),
            one.tokens.sum().to_string(),
            cost,
            one.first.to_string(),
            one.last.to_string(),
        ]);
    }
    say!("{}", rows.trim_fmt());
}

/// How a model did.
pub(crate) fn tried(tried: &ModelTried) {
    let yes = |is: bool| if is { "yes" } else { "NO" };
    say!("{} answers as {} ({}, {})", clean(&tried.model), clean(&tried.reported), tried.family, tried.route);
    say!("  calls a tool as its schema says   {}", yes(tried.called));
    say!("  uses what the tool answered       {}", yes(tried.understood));
    say!("  pieces of the stream              {}", tried.pieces);
    let tokens = &tried.tokens;
    say!(
        "  tokens                            {} read, {} from the cache, {} into it, {} written",
        tokens.input,
        tokens.cached,
        tokens.cache_write,
        tokens.output
    );
    say!("  cost                              {}", money(tried.cost_micros, &tried.currency));
    say!("  time                              {:.1} s", tried.millis as f64 / 1000.0);
}
