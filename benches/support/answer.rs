//! What every bench does before it measures: check its answer and print a hash of it.

use std::fmt::Debug;

use thirteen_kernels::config::crc64_xz;

/// Checks an answer against what is expected and prints the CRC-64 of its debug form.
pub(crate) fn check<T: Debug + PartialEq>(name: &str, answer: T, expected: T) {
    assert_eq!(answer, expected, "{name}");
    println!(
        "{name}: answer {:016x}",
        crc64_xz(format!("{answer:?}").as_bytes())
    );
}
