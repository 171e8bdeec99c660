//! Tests of reload, to come.
