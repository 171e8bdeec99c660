//! What a commit of the registry touched, as caches are told.

use super::name::PackageName;
use crate::id::Id;
use crate::store::Topic;

/// What a package's documents, its tarballs' places and its access are made of.
pub fn package(name: &PackageName) -> Topic {
    Topic::of(format!("package\0{name}").as_bytes())
}

/// How many packages there are.
pub fn packages() -> Topic {
    Topic::of(b"packages")
}

/// What an account's tokens may do.
pub fn account(id: Id) -> Topic {
    Topic::of(format!("account\0{id}").as_bytes())
}
