//! Tests of drain, to come.
