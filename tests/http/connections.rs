//! Tests of connections, to come.
