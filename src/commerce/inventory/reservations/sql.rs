//! Reservations in the store.

use crate::id::Id;
use crate::store::{SqlFault, ToValue, Tx, View};

use super::super::rules::{Item, Line, LowStock, Stock, aggregate, crossing};
use super::super::sql::{Cause, read, record, touch};
use super::{Holder, Lack, ReserveFault, SettleFault, Settled, State};

/// Reserves all lines or nothing, until `ttl_ms` from now. Tells what has become low; see
/// [`crate::commerce::inventory::low::announce`].
///
/// # Errors
/// Why nothing is reserved; every item of which there is not enough is named.
///
/// # Panics
/// Without lines, or with one of less than 1.
pub fn reserve(
    tx: &mut Tx<'_>,
    id: Id,
    holder: Holder,
    lines: &[Line],
    ttl_ms: i64,
) -> Result<Vec<LowStock>, ReserveFault> {
    let lines = aggregate(lines);
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.quantity > 0),
        "a reservation is of something"
    );
    let now_ms = tx.now_ms();
    let inserted = tx.run(
        INSERT,
        &[
            &id,
            &holder.kind.as_str(),
            &holder.id,
            &now_ms,
            &(now_ms + ttl_ms),
        ],
    )?;
    if inserted == 0 {
        return Err(ReserveFault::Taken);
    }
    let mut low = Vec::new();
    for line in &lines {
        let Some((inventory_id, after)) = take(tx, line)? else {
            let lacks = lacks(tx, id, &lines)?;
            return Err(ReserveFault::Short(lacks));
        };
        tx.run(INSERT_LINE, &[&id, &inventory_id, &line.quantity])?;
        let before = Stock {
            reserved: after.reserved - line.quantity,
            ..after
        };
        low.extend(crossing(line.item, before, after));
        touch(tx, line.item.product_id);
    }
    Ok(low)
}

/// Lets go what a reservation holds.
///
/// # Errors
/// Why it does not; one that was released before is none.
pub fn release(tx: &mut Tx<'_>, id: Id) -> Result<Settled, SettleFault> {
    let settled = settle(tx, id, State::Released)?;
    if settled == Settled::Now {
        give_back(tx, id)?;
    }
    Ok(settled)
}

/// Sells what a reservation holds: it leaves the house. One that has passed its time and was not
/// swept yet still holds its stock, and is sold.
///
/// # Errors
/// Why it does not; one that was consumed before is none.
pub fn consume(tx: &mut Tx<'_>, id: Id, actor: Option<Id>) -> Result<Settled, SettleFault> {
    let settled = settle(tx, id, State::Consumed)?;
    if settled == Settled::Before {
        return Ok(settled);
    }
    let now_ms = tx.now_ms();
    let cause = Cause {
        reason: REASON_SOLD,
        actor,
    };
    for held in lines_of(tx, id)? {
        let (item, quantity) = (held.line.item, held.line.quantity);
        let args: [&dyn ToValue; 3] = [&held.inventory_id, &quantity, &now_ms];
        let on_hand = tx.one(SELL, &args, |row| row.get(0))?;
        // A foreign key keeps it.
        let on_hand = on_hand.ok_or_else(|| SqlFault::Other(format!("{item:?} is not there")))?;
        record(tx, item, -quantity, on_hand, cause, Some(id))?;
        touch(tx, item.product_id);
    }
    Ok(settled)
}

/// Makes a reservation last until `ttl_ms` from now, or as long as it lasts, whichever is later.
/// Tells until when, in Unix milliseconds.
///
/// # Errors
/// Where it does not hold its stock any more.
pub fn extend(tx: &mut Tx<'_>, id: Id, ttl_ms: i64) -> Result<i64, SettleFault> {
    let expires_at = tx.now_ms() + ttl_ms;
    let extended = tx.one(EXTEND, &[&id, &expires_at], |row| row.get(0))?;
    match extended {
        Some(expires_at) => Ok(expires_at),
        None => match state_of(tx, id)? {
            None => Err(SettleFault::Unknown),
            Some(state) => Err(SettleFault::Ended(state)),
        },
    }
}

/// What became of a reservation.
pub fn state_of(view: &View<'_>, id: Id) -> Result<Option<State>, SqlFault> {
    view.one(STATE, &[&id], |row| {
        let word = row.text(0)?;
        let state = State::parse(word);
        state.ok_or_else(|| SqlFault::Other(format!("`{word}` is stored as a state")))
    })
}

/// At most `count` held reservations whose time is over at `now_ms`, the oldest first.
pub fn expired(view: &View<'_>, now_ms: i64, count: i64) -> Result<Vec<Id>, SqlFault> {
    view.all(EXPIRED, &[&now_ms, &count], |row| row.get(0))
}

/// Releases at most `count` reservations whose time is over. Tells how many.
pub fn sweep(tx: &mut Tx<'_>, count: i64) -> Result<usize, SqlFault> {
    let now_ms = tx.now_ms();
    let ids = expired(tx, now_ms, count)?;
    for id in &ids {
        let released = State::Released.as_str();
        if tx.run(SETTLE, &[&id, &released, &now_ms])? == 1 {
            give_back(tx, *id)?;
        }
    }
    Ok(ids.len())
}

/// Forgets at most `count` reservations that were settled before `settled_ms`. Tells how many.
pub fn forget(tx: &mut Tx<'_>, settled_ms: i64, count: i64) -> Result<usize, SqlFault> {
    tx.run(FORGET, &[&settled_ms, &count])
}

/// Whether there are reservations that were settled before `settled_ms`.
pub fn has_settled(view: &View<'_>, settled_ms: i64) -> Result<bool, SqlFault> {
    let found = view.one(SETTLED, &[&settled_ms], |row| row.get::<i64>(0))?;
    Ok(found.is_some())
}

/// Takes one line, if there is enough: the guard and the change are one statement.
fn take(tx: &mut Tx<'_>, line: &Line) -> Result<Option<(Id, Stock)>, SqlFault> {
    let Item {
        product_id,
        variant_id,
    } = line.item;
    let now_ms = tx.now_ms();
    let args: [&dyn ToValue; 4] = [&product_id, &variant_id, &line.quantity, &now_ms];
    tx.one(TAKE, &args, |row| {
        let stock = Stock {
            on_hand: row.get(1)?,
            reserved: row.get(2)?,
            reorder_point: row.get(3)?,
        };
        Ok((row.get(0)?, stock))
    })
}

/// Undoes what `reserve` has done of a reservation, and tells of what there is not enough.
fn lacks(tx: &mut Tx<'_>, id: Id, lines: &[Line]) -> Result<Vec<Lack>, SqlFault> {
    give_back(tx, id)?;
    tx.run(DELETE, &[&id])?;
    let mut lacks = Vec::new();
    for line in lines {
        let available = read(tx, line.item)?.map(|counted| counted.stock.available());
        if available.is_none_or(|available| available < line.quantity) {
            lacks.push(Lack {
                item: line.item,
                wanted: line.quantity,
                available,
            });
        }
    }
    Ok(lacks)
}

/// Ends a held reservation.
fn settle(tx: &mut Tx<'_>, id: Id, state: State) -> Result<Settled, SettleFault> {
    let now_ms = tx.now_ms();
    if tx.run(SETTLE, &[&id, &state.as_str(), &now_ms])? == 1 {
        return Ok(Settled::Now);
    }
    match state_of(tx, id)? {
        None => Err(SettleFault::Unknown),
        Some(found) if found == state => Ok(Settled::Before),
        Some(found) => Err(SettleFault::Ended(found)),
    }
}

/// Makes what the lines of a reservation hold available.
fn give_back(tx: &mut Tx<'_>, id: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    for held in lines_of(tx, id)? {
        let args: [&dyn ToValue; 3] = [&held.inventory_id, &held.line.quantity, &now_ms];
        tx.run(GIVE_BACK, &args)?;
        touch(tx, held.line.item.product_id);
    }
    Ok(())
}

/// A line of a reservation, and the count that it is taken from.
struct HeldLine {
    inventory_id: Id,
    line: Line,
}

/// The lines of a reservation in the order in which they were taken.
fn lines_of(view: &View<'_>, id: Id) -> Result<Vec<HeldLine>, SqlFault> {
    view.all(LINES, &[&id], |row| {
        let item = Item {
            product_id: row.get(2)?,
            variant_id: row.get(3)?,
        };
        Ok(HeldLine {
            inventory_id: row.get(0)?,
            line: Line {
                item,
                quantity: row.get(1)?,
            },
        })
    })
}

/// Why stock went that was sold.
pub const REASON_SOLD: &str = "sold";

const INSERT: &str = "INSERT INTO stock_reservations (id, holder_kind, holder_id, state, \
     created_at, expires_at) VALUES (?1, ?2, ?3, 'held', ?4, ?5) ON CONFLICT (id) DO NOTHING";
const TAKE: &str = "UPDATE inventory SET reserved = reserved + ?3, updated_at = ?4 \
     WHERE product_id = ?1 AND COALESCE(variant_id, '') = COALESCE(?2, '') AND closed_at IS NULL \
     AND on_hand - reserved >= ?3 RETURNING id, on_hand, reserved, reorder_point";
const INSERT_LINE: &str = "INSERT INTO stock_reservation_lines (reservation_id, inventory_id, \
     quantity) VALUES (?1, ?2, ?3)";
const GIVE_BACK: &str = "UPDATE inventory SET reserved = reserved - ?2, updated_at = ?3 \
     WHERE id = ?1";
const SELL: &str = "UPDATE inventory SET version = version + 1, on_hand = on_hand - ?2, \
     reserved = reserved - ?2, updated_at = ?3 WHERE id = ?1 RETURNING on_hand";
const LINES: &str = "SELECT inventory.id, quantity, product_id, variant_id \
     FROM stock_reservation_lines JOIN inventory ON inventory.id = inventory_id \
     WHERE reservation_id = ?1 ORDER BY product_id, COALESCE(variant_id, '')";
const SETTLE: &str = "UPDATE stock_reservations SET state = ?2, settled_at = ?3 \
     WHERE id = ?1 AND state = 'held'";
const EXTEND: &str = "UPDATE stock_reservations SET expires_at = CASE \
     WHEN expires_at > ?2 THEN expires_at ELSE ?2 END \
     WHERE id = ?1 AND state = 'held' RETURNING expires_at";
const STATE: &str = "SELECT state FROM stock_reservations WHERE id = ?1";
const DELETE: &str = "DELETE FROM stock_reservations WHERE id = ?1";
const EXPIRED: &str = "SELECT id FROM stock_reservations WHERE state = 'held' \
     AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
const SETTLED: &str = "SELECT 1 FROM stock_reservations WHERE settled_at IS NOT NULL \
     AND settled_at < ?1 LIMIT 1";
const FORGET: &str = "DELETE FROM stock_reservations WHERE id IN (\
     SELECT id FROM stock_reservations WHERE settled_at IS NOT NULL AND settled_at < ?1 \
     ORDER BY settled_at LIMIT ?2)";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("reservations::INSERT", INSERT),
    ("reservations::TAKE", TAKE),
    ("reservations::INSERT_LINE", INSERT_LINE),
    ("reservations::GIVE_BACK", GIVE_BACK),
    ("reservations::SELL", SELL),
    ("reservations::LINES", LINES),
    ("reservations::SETTLE", SETTLE),
    ("reservations::EXTEND", EXTEND),
    ("reservations::STATE", STATE),
    ("reservations::DELETE", DELETE),
    ("reservations::EXPIRED", EXPIRED),
    ("reservations::SETTLED", SETTLED),
    ("reservations::FORGET", FORGET),
];
