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
pub mod rust;
mod scheme;
mod settled;
mod stop;
mod tested;
