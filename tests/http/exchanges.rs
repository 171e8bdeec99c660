//! Tests of exchanges, to come.
