//! One folder per ecosystem: read their registry, infer a recipe, order versions, render our index.

pub mod cargo;
mod flights;
pub mod join;
pub mod npm;
mod page_store;
mod pages;
pub mod pypi;
mod rendered;
mod rulings;
mod scheme;
mod stop;
