//! Who is told of a version that was published: every client that follows the configuration.

use thirteen_kernels::config::frame::{PackageVersion, encode_register_package};

use crate::context;
use crate::registry::name::PackageName;
use crate::registry::version;
use crate::shard;

/// Tells every shard's clients (PROTOCOL.md, REGISTER_PACKAGE).
pub(super) fn announce(name: &PackageName, version: &str) {
    let [major, minor, patch] = version::numbers(version).unwrap_or_default();
    let version = PackageVersion::saturating(major, minor, patch);
    let frame = encode_register_package(name.as_str(), version);
    let bus = shard::bus();
    for shard in 0..bus.count() {
        bus.post(shard, move || context::here().state.announce(&frame));
    }
}
