//! The reader of repositories, against repositories that are made to harm it.

mod bounds;
mod forge;
mod hostile;
mod reading;
mod repo;
