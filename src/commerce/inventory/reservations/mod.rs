//! Reservations: stock that is promised for a while, until it is sold or let go.
//!
//! A reservation is held, and then released or consumed, once. Each of these is one command that
//! looks at the state first, so that of a buyer who cancels, a payment that arrives and the
//! sweeper only the first has an effect.

pub mod sql;
pub mod sweeper;

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;

use crate::id::Id;
use crate::store::SqlFault;

use super::rules::Item;

crate::choice! {
    /// What a reservation is for.
    pub enum HolderKind { Order = "order" }
}

crate::choice! {
    /// What became of a reservation.
    pub enum State { Held = "held", Released = "released", Consumed = "consumed" }
}

/// What a reservation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its kind.
    pub kind: HolderKind,
    /// Its id.
    pub id: Id,
}

/// An item of which there is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What.
    pub item: Item,
    /// How many were asked for, over all lines.
    pub wanted: i64,
    /// How many can be had; `None` where nothing of this is counted.
    pub available: Option<i64>,
}

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReserveFault {
    /// There is a reservation of this id.
    Taken,
    /// There is not enough of these.
    Short(Vec<Lack>),
    /// The store.
    Sql(SqlFault),
}

/// Whether it was this call that settled a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Now,
    /// It was so already.
    Before,
}

/// Why a reservation could not be settled or extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettleFault {
    /// There is none of this id.
    Unknown,
    /// It has become something else: released, for one that is to be consumed.
    Ended(State),
    /// The store.
    Sql(SqlFault),
}

impl From<SqlFault> for ReserveFault {
    fn from(fault: SqlFault) -> ReserveFault {
        ReserveFault::Sql(fault)
    }
}

impl From<SqlFault> for SettleFault {
    fn from(fault: SqlFault) -> SettleFault {
        SettleFault::Sql(fault)
    }
}
