//! The `X-Bun-*` headers: written as lines of a head, read and checked as name and value pairs.

mod check;
mod explain;
mod faults;
mod name;
mod read;
mod token;
mod write;

pub use check::{Domain, DomainStatus, Required, ValidHeaders, validate, validate_with_domains};
pub use faults::{FAULTS_MAX, FaultCode, FaultList, HeaderFault};
pub use name::Header;
pub use read::extract;
pub use token::{ProxyToken, TOKEN_BYTES_MAX};
pub use write::{HEADERS_BYTES_MAX, LINES_BYTES_MAX, write_headers};

pub(super) use faults::dump_fault;
