//! Tests of bodies, to come.
