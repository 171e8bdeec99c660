//! The 13-byte configuration: state, headers and frames.
