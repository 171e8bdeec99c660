//! The commands of staff: a change, its history and its audit row in one transaction.

use serde_json::json;

use crate::audit::{self, Actor};
use crate::http::{Expected, Problem};
use crate::id::Id;
use crate::store::{SqlFault, StoreFault, Tx};

use super::rules::{Item, LevelFault};
use super::shapes::{Adjust, UpdateInventory};
use super::sql::{self, Cause, ChangeFault, Changed};

/// Why adjustments were not made. Not one was.
#[derive(Debug)]
pub enum AdjustFault {
    /// These cannot be made: the pointer of each into the body, and why.
    Refused(Vec<(String, Refusal)>),
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
    let changed = sql::set(
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
    adjust: &Adjust,
) -> Result<Vec<Changed>, AdjustFault> {
    let mut all_changed = Vec::new();
    let mut refused = Vec::new();
    for (place, adjustment) in adjust.places() {
        let cause = Cause {
            reason: &adjustment.reason,
            actor: Some(staff),
        };
        match sql::adjust(tx, adjustment.item(), adjustment.delta.value(), cause) {
            Ok(changed) => {
                note(tx, staff, "inventory.adjusted", &changed, cause.reason)?;
                all_changed.push(changed);
            }
            // The others are tried, so that every fault is told; the caller undoes them all.
            Err(ChangeFault::Unknown) => refused.push((place, Refusal::Unknown)),
            Err(ChangeFault::Level(fault)) => refused.push((place, Refusal::Level(fault))),
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
        subject: ("inventory", &changed.after.id.text()),
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

impl From<AdjustFault> for Problem {
    /// Points at every adjustment that cannot be made.
    fn from(fault: AdjustFault) -> Problem {
        let refused = match fault {
            AdjustFault::Refused(refused) => refused,
            AdjustFault::Sql(fault) => return StoreFault::from(fault).into(),
        };
        let is_unknown = |(_, refusal): &(String, Refusal)| *refusal == Refusal::Unknown;
        let problem = if refused.iter().any(is_unknown) {
            Problem::new(404, "Not all of this is counted; nothing was adjusted.")
        } else {
            let problem = Problem::new(409, "Not all of this can be; nothing was adjusted.");
            problem.code("stock_conflict")
        };
        let add = |problem: Problem, (place, refusal): (String, Refusal)| match refusal {
            Refusal::Unknown => {
                problem.fault(format!("{place}/product_id"), "not_found", NOT_COUNTED)
            }
            Refusal::Level(fault) => {
                problem.fault(format!("{place}/delta"), code_of(fault), detail_of(fault))
            }
        };
        refused.into_iter().fold(problem, add)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Chain, verify};
    use crate::commerce::inventory::rules::LEVEL_MAX;
    use crate::commerce::inventory::scene::Scene;
    use crate::json::read_body;

    /// The status of a problem, and the places and codes of its faults.
    type Refused = (u16, Vec<(String, &'static str)>);

    fn adjust_in(scene: &Scene, changes: &[(Item, i64)]) -> Result<Vec<Changed>, Refused> {
        let change = |(item, delta): &(Item, i64)| {
            json!({ "product_id": item.product_id, "variant_id": item.variant_id,
                "delta": delta, "reason": "counted" })
        };
        let changes: Vec<_> = changes.iter().map(change).collect();
        let mut body = json!({ "adjustments": changes }).to_string().into_bytes();
        let adjust: Adjust = read_body(&mut body).unwrap();
        let adjusted = scene.try_write(move |tx| adjust_all(tx, Id::fresh(), &adjust));
        adjusted.map_err(|fault| {
            let problem = Problem::from(fault);
            let told = problem.faults.into_iter();
            (
                problem.status,
                told.map(|fault| (fault.pointer, fault.code)).collect(),
            )
        })
    }

    fn audit_rows(scene: &Scene) -> u64 {
        match scene.read(verify) {
            Chain::Whole { rows, .. } => rows,
            Chain::Broken { sequence } => panic!("row {sequence} does not follow"),
        }
    }

    fn on_hand(scene: &Scene, item: Item) -> i64 {
        let counted = scene.read(|view| sql::read(view, item)).unwrap();
        counted.stock.on_hand
    }

    #[test]
    fn adjustments_are_made_in_their_order_with_a_row_of_audit_each() {
        let scene = Scene::new(1);
        let (hat, shirt) = (scene.product(1), scene.product(0));
        let small = scene.variant(shirt, 0);
        let changed = adjust_in(&scene, &[(hat, -1), (small, 4), (hat, 2)]).unwrap();
        let levels: Vec<i64> = changed
            .iter()
            .map(|changed| changed.after.stock.on_hand)
            .collect();
        assert_eq!(levels, [0, 4, 2]);
        assert_eq!(audit_rows(&scene), 3);
    }

    #[test]
    fn every_fault_is_told_and_nothing_is_adjusted() {
        let scene = Scene::new(1);
        let (hat, shirt) = (scene.product(1), scene.product(2));
        let nothing = Item {
            product_id: Id::fresh(),
            variant_id: None,
        };
        let wanted = [(hat, 5), (shirt, -3), (nothing, 1), (hat, LEVEL_MAX)];
        let fault = |pointer: &str, code| (pointer.to_owned(), code);
        let mut faults = vec![
            fault("/adjustments/1/delta", "below_reserved"),
            fault("/adjustments/2/product_id", "not_found"),
            fault("/adjustments/3/delta", "level_too_high"),
        ];
        assert_eq!(adjust_in(&scene, &wanted), Err((404, faults.clone())));
        faults.remove(1);
        faults[1].0 = "/adjustments/2/delta".to_owned();
        let counted = [wanted[0], wanted[1], wanted[3]];
        assert_eq!(adjust_in(&scene, &counted), Err((409, faults)));
        assert_eq!((on_hand(&scene, hat), on_hand(&scene, shirt)), (1, 2));
        assert_eq!(audit_rows(&scene), 0);
    }

    #[test]
    fn an_update_is_audited_where_it_changes_something() {
        let scene = Scene::new(1);
        let hat = scene.product(1);
        let update = |text: &str, expected: Expected| {
            let body: UpdateInventory = read_body(&mut text.as_bytes().to_vec()).unwrap();
            let staff = Id::fresh();
            scene.try_write(move |tx| update(tx, staff, hat.product_id, &expected, &body))
        };
        let changed = update(r#"{"on_hand": 4, "reorder_point": 2}"#, Expected::Any).unwrap();
        assert_eq!(changed.after.version, 2);
        let same = update(r#"{"on_hand": 4}"#, Expected::Versions(vec![2])).unwrap();
        assert_eq!(same.after.version, 2);
        assert_eq!(audit_rows(&scene), 1);
        let stale = update(r#"{"on_hand": 5}"#, Expected::Versions(vec![1])).unwrap_err();
        assert_eq!(Problem::from(stale).status, 412);
        assert_eq!(on_hand(&scene, hat), 4);
    }
}
