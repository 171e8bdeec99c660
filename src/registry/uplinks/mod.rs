//! Packages of other registries: fetched once, checked, kept, and asked about again.
//!
//! - `rules`: which upstream a name comes from, what is fresh, what is shown; without I/O;
//!   `policy`: those of the settings; `promise`: whether a tarball is what a document says;
//! - `uplink`: the upstreams, and how each is asked; `chain`: for whose sake; `flights`,
//!   `growing`: one fetch of a kind at a time; `misses`: what upstreams do not have, or nothing
//!   usable under; `missing`: why something is not to be had;
//! - `collect`, `decode`: bodies; `fetch`, `ingest`: documents; `need`: what these take in memory;
//!   `tarball`: tarballs; `pass`: what is passed on;
//! - `uses`, `eviction`, `sql`: what is kept, and what goes; `tally`: what is counted.

pub mod api;
mod chain;
mod collect;
mod decode;
pub mod eviction;
mod fetch;
mod flights;
mod growing;
mod ingest;
mod misses;
mod missing;
mod need;
mod pass;
mod policy;
mod promise;
pub mod rules;
pub mod sql;
mod tally;
mod tarball;
mod uplink;
pub mod uses;

use std::sync::Arc;

use crate::context::Context;
use crate::http::{Problem, Request};
use crate::registry::packages::rows::PackageRow;
use crate::store::StoreFault;

use super::name::PackageName;

pub use chain::Chain;
pub use fetch::{Standing, bring, revalidate, shows, standing};
pub use missing::Missing;
pub use pass::{Passed, Question, pass};
pub use policy::PolicyInForce;
pub use tarball::send as send_tarball;
pub use uplink::{SetupFault, Uplink, Uplinks};
pub use uses::{Uses, used};

/// Where a name comes from.
#[derive(Clone)]
pub enum Origin {
    /// It is hosted here, and no upstream is ever asked for it.
    Hosted,
    /// This upstream.
    Upstream(Arc<Uplink>),
    /// Nowhere: no upstream's patterns fit it.
    Nowhere,
}

/// Where a name comes from.
///
/// # Errors
/// What the store says.
pub fn origin_of(context: &Context, name: &PackageName) -> Result<Origin, StoreFault> {
    let house = &context.house;
    let read = |view: &crate::store::View<'_>| super::packages::sql::read(view, name);
    let row: Option<PackageRow> = house.registry.read(read)?;
    if row.is_some_and(|row| row.upstream.is_none()) {
        return Ok(Origin::Hosted);
    }
    Ok(match house.uplinks.of_name(name) {
        Some(uplink) => Origin::Upstream(uplink.clone()),
        None => Origin::Nowhere,
    })
}

/// What an upstream that is asked for a request's sake hears of whom it came through.
///
/// # Errors
/// 508 for one that came through us already, or through too many.
pub fn chain_of(context: &Context, request: &Request<'_>) -> Result<Chain, Problem> {
    let chain = Chain::of(request.values("via"), context.house.uplinks.id());
    Ok(chain?)
}
