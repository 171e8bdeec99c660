//! The endpoints of access.
