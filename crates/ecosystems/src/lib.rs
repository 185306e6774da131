//! One folder per ecosystem: read their registry, infer a recipe, order versions, render our index.

pub mod cargo;
mod flights;
pub mod join;
pub mod npm;
mod page_store;
pub mod pypi;
