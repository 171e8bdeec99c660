//! Whether a name is free for an account that publishes a package's first version: what an
//! upstream has under it is what everybody installs.

use super::super::access::Writer;
use super::super::name::PackageName;
use super::super::packages::rows::PackageRow;
use super::super::packages::sql;
use super::super::uplinks::{self, Missing, Origin};
use crate::context::Context;
use crate::http::Problem;
use crate::id::Id;
use crate::limits::UPSTREAM_PATIENCE;
use crate::store::{SqlFault, StoreFault, View};

/// That a name may be published under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Whatever an upstream has under it.
    Whatever,
    /// As long as nothing of an upstream comes but what was left of it then.
    Free(Option<Remains>),
}

/// The package of an upstream that has the name no longer, and its revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remains(Id, i64);

impl Claim {
    /// Finds out whether the writer may publish under a name; its upstream is asked where that is
    /// not known here. `came_back` says that the request has been here before.
    ///
    /// # Errors
    /// 403 where an upstream has the name, 503 where it cannot be asked.
    pub(super) async fn make(
        context: &Context,
        writer: &Writer,
        name: &PackageName,
        came_back: bool,
    ) -> Result<Claim, Problem> {
        if writer.may_take_over(name) {
            return Ok(Claim::Whatever);
        }
        let uplink = match uplinks::origin_of(context, name)? {
            Origin::Upstream(uplink) => uplink,
            Origin::Hosted | Origin::Nowhere => return Ok(Claim::Free(remains(context, name)?)),
        };
        let store = &context.house.registry;
        let known = store.read(|view| sql::read(view, name))?;
        let known = known.filter(|row| row.upstream == Some(uplink.hash));
        if known.as_ref().is_some_and(|row| row.document.is_some()) {
            return Err(taken(name));
        }
        if came_back {
            return Err(Missing::Loop.into());
        }
        match uplinks::bring(context, name, UPSTREAM_PATIENCE).await {
            // What was brought may be what somebody else published here meanwhile.
            Ok(()) => match uplinks::origin_of(context, name)? {
                Origin::Hosted => Ok(Claim::Free(None)),
                Origin::Upstream(_) | Origin::Nowhere => Err(taken(name)),
            },
            Err(Missing::Offline) if known.is_some() => Err(taken(name)),
            Err(Missing::NotFound | Missing::Offline) => Ok(Claim::Free(remains(context, name)?)),
            Err(missing) => Err(missing.into()),
        }
    }

    /// Whether it still holds, in the transaction that writes.
    ///
    /// # Errors
    /// 403 where the upstream's package came meanwhile.
    pub fn check(self, view: &View<'_>, name: &PackageName) -> Result<(), Problem> {
        let Claim::Free(seen) = self else {
            return Ok(());
        };
        let row = sql::read(view, name).map_err(StoreFault::from)?;
        match row.and_then(|row| Remains::of(&row)) {
            None => Ok(()),
            found if found == seen => Ok(()),
            Some(_) => Err(taken(name)),
        }
    }
}

impl Remains {
    fn of(row: &PackageRow) -> Option<Remains> {
        row.upstream.map(|_| Remains(row.id, row.revision))
    }
}

fn remains(context: &Context, name: &PackageName) -> Result<Option<Remains>, StoreFault> {
    let read = |view: &View<'_>| -> Result<_, SqlFault> {
        Ok(sql::read(view, name)?.and_then(|row| Remains::of(&row)))
    };
    context.house.registry.read(read)
}

fn taken(name: &PackageName) -> Problem {
    let detail = format!(
        "The upstream registry has a package \"{name}\", which is what everybody gets under this \
         name: only the shop's staff publishes its own in its place."
    );
    Problem::new(403, detail).code("name_is_upstream")
}
