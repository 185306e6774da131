//! What a turn costs: a table that the operator keeps. A model without a price has an unknown cost, never none.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::conversation::Tokens;

/// The price of one model, in the table's currency per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the cache; as `input` where it is not said.
    #[serde(default)]
    pub cached: Option<f64>,
    /// Read and written into the cache; as `input` where it is not said.
    #[serde(default)]
    pub cache_write: Option<f64>,
}

/// The highest price that can be meant.
const MOST: f64 = 1e6;

impl Price {
    /// Whether every figure is one.
    pub fn is_valid(&self) -> bool {
        let all = [Some(self.input), Some(self.output), self.cached, self.cache_write];
        all.into_iter().flatten().all(|price| (0.0..=MOST).contains(&price))
    }

    /// What these tokens cost, in millionths of the currency, rounded up: per million tokens, a price is also one in
    /// millionths per token.
    pub fn micros(&self, tokens: &Tokens) -> u64 {
        let part = |count: u64, price: f64| count as f64 * price;
        let sum = part(tokens.input, self.input)
            + part(tokens.output, self.output)
            + part(tokens.cached, self.cached.unwrap_or(self.input))
            + part(tokens.cache_write, self.cache_write.unwrap_or(self.input));
        // Saturates.
        sum.ceil() as u64
    }
}

/// The prices by `PROVIDER/MODEL`; `PROVIDER/*` is for its other models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// A word for people: `USD`.
    pub currency: String,
    /// The prices.
    pub models: BTreeMap<String, Price>,
}

impl Prices {
    /// The price of a model.
    pub fn of(&self, provider: &str, model: &str) -> Option<&Price> {
        let exact = self.models.get(&format!("{provider}/{model}"));
        exact.or_else(|| self.models.get(&format!("{provider}/*")))
    }

    /// Why the table cannot be used.
    ///
    /// # Errors
    /// The first price that is none.
    pub fn check(&self) -> Result<(), String> {
        match self.models.iter().find(|(_, price)| !price.is_valid()) {
            Some((name, _)) => Err(format!("the price of {name} is no price per million tokens")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_costs_what_the_table_says_rounded_up() {
        let price = Price { input: 3.0, output: 15.0, cached: Some(0.3), cache_write: None };
        let tokens = Tokens { input: 1000, cached: 10_001, cache_write: 100, output: 10 };
        assert_eq!(price.micros(&tokens), 3000 + 3001 + 300 + 150);
        assert_eq!(price.micros(&Tokens { input: u64::MAX, ..Tokens::default() }), u64::MAX);
    }

    #[test]
    fn a_model_that_is_not_in_the_table_has_no_price_rather_than_none() {
        let text = "currency = \"USD\"\n[models.\"house/*\"]\ninput = 0\noutput = 0\n[models.\"a/b\"]\ninput = 1\noutput = 2\n";
        let prices: Prices = toml::from_str(text).unwrap();
        assert_eq!(prices.of("a", "c"), None);
        assert_eq!(prices.of("house", "x").unwrap().output, 0.0);
        for bad in ["input = -1.0\noutput = 2", "input = nan\noutput = 2", "input = inf\noutput = 1"] {
            let prices: Prices = toml::from_str(&format!("[models.\"a/b\"]\n{bad}\n")).unwrap();
            assert!(prices.check().is_err(), "{bad}");
        }
    }
}
