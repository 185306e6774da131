//! The outside world: stores, queue, and one HTTP client.
