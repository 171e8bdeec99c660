//! Tests of routes, to come.
