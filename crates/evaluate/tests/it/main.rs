//! Sets as people lay them out: folders, archives, pairs and repositories.

#[cfg(test)]
mod sets;
