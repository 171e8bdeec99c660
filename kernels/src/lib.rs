//! Wire formats and SIMD parsing kernels of Thirteen: pure functions over bytes, without
//! allocation and without a runtime.
#![cfg_attr(not(test), no_std)]

pub mod clock;
pub mod config;
pub mod http;
pub mod level;
pub mod websocket;
