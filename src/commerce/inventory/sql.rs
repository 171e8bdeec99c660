//! Stock and its history in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, ToValue, Topic, Tx, View};

use super::rules::{Item, LevelFault, LowStock, Stock, crossing};

/// An item that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The id of the count.
    pub id: Id,
    /// Moves with its level and its reorder point.
    pub version: i64,
    /// What is counted.
    pub item: Item,
    /// How much there is.
    pub stock: Stock,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// A change of a level that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id; sorts by its time.
    pub id: Id,
    /// What changed.
    pub item: Item,
    /// By how much.
    pub delta: i64,
    /// How much there was then.
    pub on_hand_after: i64,
    /// Why.
    pub reason: String,
    /// The user who did it; `None` where it was the server.
    pub actor: Option<Id>,
    /// The reservation that was sold.
    pub reservation_id: Option<Id>,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// How much there is, as customers are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// In the house.
    pub on_hand: i64,
    /// Of that, what nobody has reserved.
    pub available: i64,
}

/// What a change of stock is for.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'c> {
    /// Why, for people.
    pub reason: &'c str,
    /// The user who does it; `None` where it is the server.
    pub actor: Option<Id>,
}

/// What a list of stock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Everything.
    All,
    /// A product and its variants.
    Product(Id),
}

/// What a list of history shows.
#[derive(Clone, Copy, Debug)]
pub struct HistoryFilter {
    /// A product with its variants.
    pub product_id: Option<Id>,
    /// One variant.
    pub variant_id: Option<Id>,
    /// Not before this moment.
    pub from_ms: i64,
    /// Not after this moment.
    pub to_ms: i64,
}

/// Why a level could not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// Nothing of this is counted.
    Unknown,
    /// It has moved on from the version that the caller knows.
    Stale {
        /// The version that it has.
        version: i64,
    },
    /// The level cannot be.
    Level(LevelFault),
    /// The store.
    Sql(SqlFault),
}

impl From<SqlFault> for ChangeFault {
    fn from(fault: SqlFault) -> ChangeFault {
        ChangeFault::Sql(fault)
    }
}

/// An item after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// How it was.
    pub before: Counted,
    /// How it is.
    pub after: Counted,
    /// Set where the change made it low.
    pub low: Option<LowStock>,
}

/// The stock of a product with all its variants.
pub fn of_product(view: &View<'_>, product_id: Id) -> Result<Levels, SqlFault> {
    let levels = view.one(OF_PRODUCT, &[&product_id], levels)?;
    Ok(levels.unwrap_or_default())
}

/// The stock of one variant.
pub fn of_variant(view: &View<'_>, product_id: Id, variant_id: Id) -> Result<Levels, SqlFault> {
    let item = Item {
        product_id,
        variant_id: Some(variant_id),
    };
    let counted = read(view, item)?;
    Ok(counted.map_or_else(Levels::default, |counted| Levels {
        on_hand: counted.stock.on_hand,
        available: counted.stock.available(),
    }))
}

/// One item, if it is counted.
pub fn read(view: &View<'_>, item: Item) -> Result<Option<Counted>, SqlFault> {
    view.one(READ, &[&item.product_id, &item.variant_id], counted)
}

/// At most `count` items in the order of product and variant, from after `after`, but for the
/// first `skip` of them.
pub fn list(
    view: &View<'_>,
    which: Which,
    after: Option<Item>,
    skip: i64,
    count: i64,
) -> Result<Vec<Counted>, SqlFault> {
    let (product, variant) = (after.map(|item| item.product_id), variant_key(after));
    match which {
        Which::All => view.all(LIST, &[&product, &variant, &count, &skip], counted),
        Which::Product(of) => view.all(LIST_OF_PRODUCT, &[&of, &variant, &count, &skip], counted),
    }
}

/// At most `count` items that are low, in the order of what they lack, from after the one of this
/// margin and id, but for the first `skip` of them.
pub fn list_low(
    view: &View<'_>,
    after: Option<(i64, Id)>,
    skip: i64,
    count: i64,
) -> Result<Vec<Counted>, SqlFault> {
    let (margin, id) = after.unzip();
    view.all(
        LOW,
        &[&margin.unwrap_or(i64::MIN), &id, &count, &skip],
        counted,
    )
}

/// How many items a list shows on all its pages.
pub fn count(view: &View<'_>, which: Which) -> Result<u64, SqlFault> {
    let counted = match which {
        Which::All => view.one(COUNT, &[], total)?,
        Which::Product(of) => view.one(COUNT_OF_PRODUCT, &[&of], total)?,
    };
    Ok(counted.unwrap_or_default())
}

/// How many items are low.
pub fn count_low(view: &View<'_>) -> Result<u64, SqlFault> {
    Ok(view.one(COUNT_LOW, &[], total)?.unwrap_or_default())
}

/// At most `count` changes, the latest first, from after the one of this time and id, but for the
/// first `skip` of them.
pub fn history(
    view: &View<'_>,
    filter: &HistoryFilter,
    after: Option<(i64, Id)>,
    skip: i64,
    count: i64,
) -> Result<Vec<Entry>, SqlFault> {
    let (before_ms, before_id) = match after {
        Some((at_ms, id)) if at_ms <= filter.to_ms => (at_ms, id.to_string()),
        // Sorts after every id: all of that millisecond are within.
        Some(_) | None => (filter.to_ms, "~".to_owned()),
    };
    let product = &filter.product_id;
    let variant = &filter.variant_id;
    let from = &filter.from_ms;
    match (product, variant) {
        (_, Some(variant)) => view.all(
            HISTORY_OF_VARIANT,
            &[
                from, &before_ms, &before_id, &count, &skip, variant, &product,
            ],
            entry,
        ),
        (Some(product), None) => view.all(
            HISTORY_OF_PRODUCT,
            &[from, &before_ms, &before_id, &count, &skip, product],
            entry,
        ),
        (None, None) => view.all(
            HISTORY,
            &[from, &before_ms, &before_id, &count, &skip],
            entry,
        ),
    }
}

/// How many changes a list of history shows on all its pages.
pub fn count_history(view: &View<'_>, filter: &HistoryFilter) -> Result<u64, SqlFault> {
    let product = &filter.product_id;
    let variant = &filter.variant_id;
    let (from, to) = (&filter.from_ms, &filter.to_ms);
    let counted = match (product, variant) {
        (_, Some(variant)) => {
            let args: [&dyn ToValue; 4] = [from, to, variant, product];
            view.one(COUNT_HISTORY_OF_VARIANT, &args, total)?
        }
        (Some(product), None) => view.one(COUNT_HISTORY_OF_PRODUCT, &[from, to, product], total)?,
        (None, None) => view.one(COUNT_HISTORY, &[from, to], total)?,
    };
    Ok(counted.unwrap_or_default())
}

/// The first level of an item, and who says so; nobody where the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// How many there are.
    pub on_hand: i64,
    /// Who counts them first.
    pub actor: Option<Id>,
}

/// Begins to count an item.
///
/// # Errors
/// A constraint where it is counted already, where there is no such product or variant, or where
/// the level is below zero.
pub fn open(tx: &mut Tx<'_>, item: Item, opening: Opening) -> Result<(), SqlFault> {
    let Opening { on_hand, actor } = opening;
    let now_ms = tx.now_ms();
    let args: [&dyn ToValue; 5] = [
        &Id::fresh(),
        &item.product_id,
        &item.variant_id,
        &on_hand,
        &now_ms,
    ];
    tx.run(OPEN, &args)?;
    if on_hand != 0 {
        let cause = Cause {
            reason: REASON_OPENED,
            actor,
        };
        record(tx, item, on_hand, on_hand, cause, None)?;
    }
    touch(tx, item.product_id);
    Ok(())
}

/// Ends the count of a variant that is deleted. What is reserved of it can still be sold.
pub fn close_variant(tx: &mut Tx<'_>, product_id: Id, variant_id: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(CLOSE_VARIANT, &[&product_id, &variant_id, &now_ms])?;
    touch(tx, product_id);
    Ok(())
}

/// Ends the counts of a product that is deleted and of its variants.
pub fn close_product(tx: &mut Tx<'_>, product_id: Id) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(CLOSE_PRODUCT, &[&product_id, &now_ms])?;
    touch(tx, product_id);
    Ok(())
}

/// Changes the level of an item by `delta`.
///
/// # Errors
/// Why it cannot be; nothing is changed then.
pub fn adjust(
    tx: &mut Tx<'_>,
    item: Item,
    delta: i64,
    cause: Cause<'_>,
) -> Result<Changed, ChangeFault> {
    let before = read(tx, item)?.ok_or(ChangeFault::Unknown)?;
    let stock = before.stock.adjusted(delta).map_err(ChangeFault::Level)?;
    Ok(put(tx, before, stock, cause)?)
}

/// Sets the level and the reorder point of an item, or leaves what is not given. `check` is shown
/// the version that it has.
///
/// # Errors
/// Why it cannot be; nothing is changed then.
pub fn set(
    tx: &mut Tx<'_>,
    item: Item,
    on_hand: Option<i64>,
    reorder_point: Option<i64>,
    expected: impl FnOnce(i64) -> bool,
    cause: Cause<'_>,
) -> Result<Changed, ChangeFault> {
    let before = read(tx, item)?.ok_or(ChangeFault::Unknown)?;
    if !expected(before.version) {
        let version = before.version;
        return Err(ChangeFault::Stale { version });
    }
    let on_hand = on_hand.unwrap_or(before.stock.on_hand);
    let mut stock = before
        .stock
        .with_on_hand(on_hand)
        .map_err(ChangeFault::Level)?;
    stock.reorder_point = reorder_point.unwrap_or(stock.reorder_point);
    Ok(put(tx, before, stock, cause)?)
}

/// Writes what an item has become, with its history.
fn put(
    tx: &mut Tx<'_>,
    before: Counted,
    stock: Stock,
    cause: Cause<'_>,
) -> Result<Changed, SqlFault> {
    let low = crossing(before.item, before.stock, stock);
    if stock == before.stock {
        let after = before;
        return Ok(Changed { before, after, low });
    }
    let after = Counted {
        version: before.version + 1,
        stock,
        updated_at: tx.now_ms(),
        ..before
    };
    let changed = tx.run(
        PUT,
        &[
            &before.id,
            &before.version,
            &stock.on_hand,
            &stock.reorder_point,
            &after.updated_at,
        ],
    )?;
    if changed == 0 {
        return Err(SqlFault::Busy); // someone else's write came between, on another engine
    }
    let delta = stock.on_hand - before.stock.on_hand;
    if delta != 0 {
        record(tx, before.item, delta, stock.on_hand, cause, None)?;
    }
    touch(tx, before.item.product_id);
    Ok(Changed { before, after, low })
}

/// Writes a row of history.
pub(super) fn record(
    tx: &mut Tx<'_>,
    item: Item,
    delta: i64,
    on_hand_after: i64,
    cause: Cause<'_>,
    reservation_id: Option<Id>,
) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(
        RECORD,
        &[
            &Id::fresh(),
            &item.product_id,
            &item.variant_id,
            &delta,
            &on_hand_after,
            &cause.reason,
            &cause.actor,
            &reservation_id,
            &now_ms,
        ],
    )?;
    Ok(())
}

/// Tells caches that the stock of a product changed.
pub(super) fn touch(tx: &mut Tx<'_>, product_id: Id) {
    tx.touch(Topic::of(product_id.as_bytes()));
    tx.touch(Topic::CATALOG);
}

/// The variant of an item as its index has it.
fn variant_key(item: Option<Item>) -> Option<String> {
    let variant = item?.variant_id.map(|id| id.to_string());
    Some(variant.unwrap_or_default())
}

fn total(row: &Row<'_>) -> Result<u64, SqlFault> {
    row.get::<i64>(0).map(i64::unsigned_abs)
}

fn levels(row: &Row<'_>) -> Result<Levels, SqlFault> {
    Ok(Levels {
        on_hand: row.get(0)?,
        available: row.get(1)?,
    })
}

fn counted(row: &Row<'_>) -> Result<Counted, SqlFault> {
    Ok(Counted {
        id: row.get(0)?,
        version: row.get(1)?,
        item: Item {
            product_id: row.get(2)?,
            variant_id: row.get(3)?,
        },
        stock: Stock {
            on_hand: row.get(4)?,
            reserved: row.get(5)?,
            reorder_point: row.get(6)?,
        },
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

fn entry(row: &Row<'_>) -> Result<Entry, SqlFault> {
    Ok(Entry {
        id: row.get(0)?,
        item: Item {
            product_id: row.get(1)?,
            variant_id: row.get(2)?,
        },
        delta: row.get(3)?,
        on_hand_after: row.get(4)?,
        reason: row.get(5)?,
        actor: row.get(6)?,
        reservation_id: row.get(7)?,
        created_at: row.get(8)?,
    })
}

/// Why there is a first level.
pub const REASON_OPENED: &str = "opened";

/// A condition on `walked.id`, the id of a product: some of it can be bought.
pub const IS_AVAILABLE: &str = "EXISTS (SELECT 1 FROM inventory \
     WHERE inventory.product_id = walked.id AND inventory.closed_at IS NULL \
     AND inventory.on_hand > inventory.reserved)";

macro_rules! counted_where {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, product_id, variant_id, on_hand, reserved, reorder_point, ",
            "created_at, updated_at FROM inventory WHERE closed_at IS NULL AND ",
            $rest
        )
    };
}

macro_rules! history_where {
    ($rest:literal) => {
        concat!(
            "SELECT id, product_id, variant_id, delta, on_hand_after, reason, actor, ",
            "reservation_id, created_at FROM inventory_history ",
            "WHERE created_at >= ?1 AND (created_at, id) < (?2, ?3)",
            $rest,
            " ORDER BY created_at DESC, id DESC LIMIT ?4 OFFSET ?5"
        )
    };
}

const OF_PRODUCT: &str = "SELECT COALESCE(SUM(on_hand), 0), COALESCE(SUM(on_hand - reserved), 0) \
     FROM inventory WHERE product_id = ?1 AND closed_at IS NULL";
const READ: &str =
    counted_where!("product_id = ?1 AND COALESCE(variant_id, '') = COALESCE(?2, '')");
const LIST: &str = counted_where!(
    "(product_id, COALESCE(variant_id, '')) > (COALESCE(?1, ''), COALESCE(?2, '')) \
     ORDER BY product_id, COALESCE(variant_id, '') LIMIT ?3 OFFSET ?4"
);
const LIST_OF_PRODUCT: &str = counted_where!(
    "product_id = ?1 AND (?2 IS NULL OR COALESCE(variant_id, '') > ?2) \
     ORDER BY COALESCE(variant_id, '') LIMIT ?3 OFFSET ?4"
);
const LOW: &str = counted_where!(
    "on_hand - reserved - reorder_point <= 0 AND on_hand - reserved - reorder_point >= ?1 \
     AND (on_hand - reserved - reorder_point > ?1 OR id > COALESCE(?2, '')) \
     ORDER BY on_hand - reserved - reorder_point, id LIMIT ?3 OFFSET ?4"
);
const COUNT: &str = "SELECT COUNT(*) FROM inventory WHERE closed_at IS NULL";
const COUNT_LOW: &str = "SELECT COUNT(*) FROM inventory \
     WHERE closed_at IS NULL AND on_hand - reserved - reorder_point <= 0";
const COUNT_OF_PRODUCT: &str =
    "SELECT COUNT(*) FROM inventory WHERE closed_at IS NULL AND product_id = ?1";
const HISTORY: &str = history_where!("");
const HISTORY_OF_PRODUCT: &str = history_where!(" AND product_id = ?6");
const HISTORY_OF_VARIANT: &str =
    history_where!(" AND variant_id = ?6 AND product_id = COALESCE(?7, product_id)");
const COUNT_HISTORY: &str =
    "SELECT COUNT(*) FROM inventory_history WHERE created_at BETWEEN ?1 AND ?2";
const COUNT_HISTORY_OF_PRODUCT: &str = "SELECT COUNT(*) FROM inventory_history \
     WHERE created_at BETWEEN ?1 AND ?2 AND product_id = ?3";
const COUNT_HISTORY_OF_VARIANT: &str = "SELECT COUNT(*) FROM inventory_history \
     WHERE created_at BETWEEN ?1 AND ?2 AND variant_id = ?3 \
     AND product_id = COALESCE(?4, product_id)";
const OPEN: &str = "INSERT INTO inventory (id, product_id, variant_id, on_hand, created_at, \
     updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
const CLOSE_VARIANT: &str = "UPDATE inventory SET closed_at = ?3, updated_at = ?3 \
     WHERE product_id = ?1 AND COALESCE(variant_id, '') = ?2 AND closed_at IS NULL";
const CLOSE_PRODUCT: &str = "UPDATE inventory SET closed_at = ?2, updated_at = ?2 \
     WHERE product_id = ?1 AND closed_at IS NULL";
const PUT: &str = "UPDATE inventory SET version = version + 1, on_hand = ?3, reorder_point = ?4, \
     updated_at = ?5 WHERE id = ?1 AND version = ?2";
const RECORD: &str = "INSERT INTO inventory_history (id, product_id, variant_id, delta, \
     on_hand_after, reason, actor, reservation_id, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("inventory::OF_PRODUCT", OF_PRODUCT),
    ("inventory::READ", READ),
    ("inventory::LIST", LIST),
    ("inventory::LIST_OF_PRODUCT", LIST_OF_PRODUCT),
    ("inventory::LOW", LOW),
    ("inventory::COUNT", COUNT),
    ("inventory::COUNT_LOW", COUNT_LOW),
    ("inventory::COUNT_OF_PRODUCT", COUNT_OF_PRODUCT),
    ("inventory::HISTORY", HISTORY),
    ("inventory::HISTORY_OF_PRODUCT", HISTORY_OF_PRODUCT),
    ("inventory::HISTORY_OF_VARIANT", HISTORY_OF_VARIANT),
    ("inventory::COUNT_HISTORY", COUNT_HISTORY),
    (
        "inventory::COUNT_HISTORY_OF_PRODUCT",
        COUNT_HISTORY_OF_PRODUCT,
    ),
    (
        "inventory::COUNT_HISTORY_OF_VARIANT",
        COUNT_HISTORY_OF_VARIANT,
    ),
    ("inventory::OPEN", OPEN),
    ("inventory::CLOSE_VARIANT", CLOSE_VARIANT),
    ("inventory::CLOSE_PRODUCT", CLOSE_PRODUCT),
    ("inventory::PUT", PUT),
    ("inventory::RECORD", RECORD),
];
