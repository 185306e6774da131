//! HTTP: what package managers and people read.
