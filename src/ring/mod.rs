//! The io_uring data plane.
