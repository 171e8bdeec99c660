//! Tests of sockets, to come.
