//! The commands of staff: a change, its history and its audit row in one transaction.

use serde_json::json;

use crate::commerce::audit::{self, Actor};
use crate::http::{Expected, Problem};
use crate::id::Id;
use crate::store::{SqlFault, StoreFault, Tx};

use super::rules::{Item, LevelFault};
use super::shapes::{Adjustment, UpdateInventory};
use super::sql::{Cause, ChangeFault, Changed, adjust, set};

/// Why adjustments were not made: the faults of each, by its place. Not one was made.
#[derive(Debug)]
pub enum AdjustFault {
    /// These cannot be made.
    Refused(Vec<(usize, Refusal)>),
    /// The store.
    Sql(SqlFault),
}

/// Why one adjustment cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of this is counted.
    Unknown,
    /// The level cannot be.
    Level(LevelFault),
}

impl From<SqlFault> for AdjustFault {
    fn from(fault: SqlFault) -> AdjustFault {
        AdjustFault::Sql(fault)
    }
}

/// Sets the level and the reorder point of an item.
pub fn update(
    tx: &mut Tx<'_>,
    staff: Id,
    product_id: Id,
    expected: &Expected,
    body: &UpdateInventory,
) -> Result<Changed, ChangeFault> {
    let item = Item {
        product_id,
        variant_id: body.variant_id,
    };
    let reason = body.reason.as_deref().unwrap_or(REASON_SET);
    let cause = Cause {
        reason,
        actor: Some(staff),
    };
    let changed = set(
        tx,
        item,
        body.on_hand.map(|level| level.value()),
        body.reorder_point.map(|level| level.value()),
        |version| expected.is_met(version),
        cause,
    )?;
    if changed.after != changed.before {
        note(tx, staff, "inventory.updated", &changed, reason)?;
    }
    Ok(changed)
}

/// Makes all adjustments, one after another, or none.
pub fn adjust_all(
    tx: &mut Tx<'_>,
    staff: Id,
    adjustments: &[Adjustment],
) -> Result<Vec<Changed>, AdjustFault> {
    let mut all_changed = Vec::with_capacity(adjustments.len());
    let mut refused = Vec::new();
    for (index, adjustment) in adjustments.iter().enumerate() {
        let cause = Cause {
            reason: &adjustment.reason,
            actor: Some(staff),
        };
        match adjust(tx, adjustment.item(), adjustment.delta.value(), cause) {
            Ok(changed) => {
                note(tx, staff, "inventory.adjusted", &changed, cause.reason)?;
                all_changed.push(changed);
            }
            // The others are tried, so that every fault is told; the caller undoes them all.
            Err(ChangeFault::Unknown) => refused.push((index, Refusal::Unknown)),
            Err(ChangeFault::Level(fault)) => refused.push((index, Refusal::Level(fault))),
            Err(ChangeFault::Stale { .. }) => unreachable!("an adjustment expects no version"),
            Err(ChangeFault::Sql(fault)) => return Err(fault.into()),
        }
    }
    if refused.is_empty() {
        Ok(all_changed)
    } else {
        Err(AdjustFault::Refused(refused))
    }
}

/// Writes the audit row of a change.
fn note(
    tx: &mut Tx<'_>,
    staff: Id,
    action: &'static str,
    changed: &Changed,
    reason: &str,
) -> Result<(), SqlFault> {
    let (before, after) = (changed.before.stock, changed.after.stock);
    let entry = audit::Entry {
        actor: Actor::Staff(staff),
        action,
        subject: ("inventory", &after_id(changed)),
        detail: json!({
            "product_id": changed.after.item.product_id,
            "variant_id": changed.after.item.variant_id,
            "on_hand": [before.on_hand, after.on_hand],
            "reorder_point": [before.reorder_point, after.reorder_point],
            "reason": reason,
        }),
    };
    audit::append(tx, &entry)
}

fn after_id(changed: &Changed) -> String {
    changed.after.id.to_string()
}

impl From<ChangeFault> for Problem {
    fn from(fault: ChangeFault) -> Problem {
        match fault {
            ChangeFault::Unknown => Problem::new(404, NOT_COUNTED),
            ChangeFault::Stale { version } => {
                Problem::new(412, format!("Its version is {version} by now."))
            }
            ChangeFault::Level(fault) => Problem::new(409, detail_of(fault)).code(code_of(fault)),
            ChangeFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

impl AdjustFault {
    /// The problem, which points at every adjustment that cannot be made. `place` is the pointer
    /// of one.
    pub fn problem(self, place: impl Fn(usize) -> String) -> Problem {
        let refused = match self {
            AdjustFault::Refused(refused) => refused,
            AdjustFault::Sql(fault) => return StoreFault::from(fault).into(),
        };
        let is_unknown = refused
            .iter()
            .any(|(_, refusal)| *refusal == Refusal::Unknown);
        let problem = if is_unknown {
            Problem::new(404, "Not all of this is counted; nothing was adjusted.")
        } else {
            Problem::new(409, "Not all of this can be; nothing was adjusted.")
                .code("stock_conflict")
        };
        refused
            .into_iter()
            .fold(problem, |problem, (index, refusal)| match refusal {
                Refusal::Unknown => {
                    let pointer = format!("{}/product_id", place(index));
                    problem.fault(pointer, "not_found", NOT_COUNTED)
                }
                Refusal::Level(fault) => {
                    let pointer = format!("{}/delta", place(index));
                    problem.fault(pointer, code_of(fault), detail_of(fault))
                }
            })
    }
}

fn code_of(fault: LevelFault) -> &'static str {
    match fault {
        LevelFault::BelowReserved { .. } => "below_reserved",
        LevelFault::TooHigh => "level_too_high",
    }
}

fn detail_of(fault: LevelFault) -> String {
    match fault {
        LevelFault::BelowReserved { reserved: 0 } => "There would be less than none.".to_owned(),
        LevelFault::BelowReserved { reserved } => {
            format!("There would be less than the {reserved} that are reserved.")
        }
        LevelFault::TooHigh => {
            format!("There would be more than {}.", super::rules::LEVEL_MAX)
        }
    }
}

/// Why a level changed that staff set without saying more.
pub const REASON_SET: &str = "set";

const NOT_COUNTED: &str = "No stock is kept of such a product or variant.";
