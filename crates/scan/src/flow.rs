//! Data-flow over a program: which call is reached by what.
