//! Tests of config, to come.
