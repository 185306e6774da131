//! What is made of good packuments and of bad ones.
