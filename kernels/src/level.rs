//! The instruction set that a kernel runs with.
