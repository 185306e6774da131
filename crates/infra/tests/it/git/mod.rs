//! The reader of repositories, against repositories that are made to harm it.

mod bounds;
mod forge;
mod hostile;
mod https;
mod reading;
mod repo;
mod ssh;
