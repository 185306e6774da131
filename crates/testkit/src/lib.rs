//! For tests only: fakes and one conformance suite per port.
