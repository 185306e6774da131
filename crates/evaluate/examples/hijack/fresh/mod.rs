//! Forms that were written before any rule had seen them: other libraries, other channels, other loaders. What they
//! measure is how far the rules reach beyond what they were written for.

mod cargo;
mod npm;
mod pypi;

pub(crate) use cargo::FORMS as CARGO;
pub(crate) use npm::FORMS as NPM;
pub(crate) use pypi::FORMS as PYPI;
