//! Tests of deadlines, to come.
