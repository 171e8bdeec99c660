//! Tests of observation, to come.
