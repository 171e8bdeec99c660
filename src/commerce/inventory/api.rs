//! Stock for staff: `/api/v1/inventory`.

use std::sync::{Arc, Mutex};

use crate::auth::principal::Admin;
use crate::commerce::idempotency::{Key, Once, StoredReply, once};
use crate::commerce::listing;
use crate::context::Context;
use crate::http::{
    Body, Cursor, Exchange, Page, PageQuery, Problem, Query, Start, Versioned, if_match,
};
use crate::id::Id;
use crate::store::Tx;

use super::change::{AdjustFault, adjust_all, update as update_item};
use super::low;
use super::rules::Item;
use super::shapes::{
    Adjust, Adjusted, HistoryQuery, Inventory, InventoryChange, InventoryQuery, LowStockQuery,
    UpdateInventory,
};
use super::sql::{self, HistoryFilter, Which};

/// `GET /api/v1/inventory`.
pub async fn list(
    context: &Context,
    _: Admin,
    query: Query<InventoryQuery>,
    _: &mut Exchange<'_>,
) -> Result<Page<Inventory>, Problem> {
    let which = query.product_id.map_or(Which::All, Which::Product);
    let page = query.0.page;
    let after = item_of(&page)?;
    listing::read(context, page, move |view, page| {
        let (skip, count) = reach(page);
        let rows = sql::list(view, which, after, skip, count)?;
        let rows = page.page(rows, |last| cursor_of_item(last.item));
        rows.with_total(page, || sql::count(view, which))
    })
    .await
    .map(shown)
}

/// `GET /api/v1/inventory/low-stock`: what lacks most comes first.
pub async fn low_stock(
    context: &Context,
    _: Admin,
    query: Query<LowStockQuery>,
    _: &mut Exchange<'_>,
) -> Result<Page<Inventory>, Problem> {
    let page = query.0.page;
    let after = number_and_id_of(&page, BY_MARGIN)?;
    listing::read(context, page, move |view, page| {
        let (skip, count) = reach(page);
        let rows = sql::list_low(view, after, skip, count)?;
        let rows = page.page(rows, |last| {
            number_and_id(BY_MARGIN, last.stock.margin(), last.id)
        });
        rows.with_total(page, || sql::count_low(view))
    })
    .await
    .map(shown)
}

/// `GET /api/v1/inventory/history`: the latest comes first.
pub async fn history(
    context: &Context,
    _: Admin,
    query: Query<HistoryQuery>,
    _: &mut Exchange<'_>,
) -> Result<Page<InventoryChange>, Problem> {
    let query = query.0;
    let filter = HistoryFilter {
        product_id: query.product_id,
        variant_id: query.variant_id,
        from_ms: query.from.map_or(0, |from| from.0),
        to_ms: query.to.map_or(i64::MAX, |to| to.0),
    };
    if filter.to_ms < filter.from_ms {
        return Err(Problem::invalid().fault("/to", "range", "must not be before `from`"));
    }
    let after = number_and_id_of(&query.page, BY_TIME)?;
    listing::read(context, query.page, move |view, page| {
        let (skip, count) = reach(page);
        let rows = sql::history(view, &filter, after, skip, count)?;
        let rows = page.page(rows, |last| {
            number_and_id(BY_TIME, last.created_at, last.id)
        });
        rows.with_total(page, || sql::count_history(view, &filter))
    })
    .await
    .map(shown)
}

/// `PUT /api/v1/inventory/:productId`.
pub async fn update(
    context: &Context,
    admin: Admin,
    body: Body<UpdateInventory>,
    exchange: &mut Exchange<'_>,
) -> Result<Versioned<Inventory>, Problem> {
    let request = exchange.request();
    let product_id = request.parameter("productId")?.parse();
    let product_id = product_id.map_err(|_| Problem::new(404, "There is no such product."))?;
    let expected = if_match(&request);
    let command =
        move |tx: &mut Tx<'_>| update_item(tx, admin.id, product_id, &expected, &body.value);
    let changed = context.house.commerce.write(command).await??;
    low::announce(&context.telemetry, changed.low.as_slice());
    Ok(Versioned {
        version: changed.after.version,
        value: changed.after.into(),
    })
}

/// `POST /api/v1/inventory/adjust`.
pub async fn adjust(
    context: &Context,
    admin: Admin,
    body: Body<Adjust>,
    exchange: &mut Exchange<'_>,
) -> Result<Once<Adjusted, 200>, Problem> {
    let key = Key::of(&exchange.request(), admin.id, body.digest)?;
    // Told once the command is on disk, and not again when its reply is.
    let made_low = Arc::new(Mutex::new(Vec::new()));
    let found_low = made_low.clone();
    let command = move |tx: &mut Tx<'_>| -> Result<StoredReply, AdjustFault> {
        let changed = adjust_all(tx, admin.id, &body.value)?;
        let low = changed.iter().filter_map(|change| change.low);
        found_low.lock().expect(NOBODY_PANICS).extend(low);
        let items = changed.into_iter().map(|change| change.after.into());
        let items = items.collect();
        Ok(StoredReply::ok(&Adjusted { items }))
    };
    let reply = once(context, key, command).await?;
    low::announce(&context.telemetry, &made_low.lock().expect(NOBODY_PANICS));
    Ok(reply)
}

fn shown<F, T: From<F>>(page: Page<F>) -> Page<T> {
    Page {
        items: page.items.into_iter().map(T::from).collect(),
        next: page.next,
        total: page.total,
    }
}

/// How many rows are skipped, and how many are read: one more than are shown.
fn reach(page: &PageQuery) -> (i64, i64) {
    (page.offset().cast_signed(), i64::from(page.limit) + 1)
}

fn cursor_of_item(item: Item) -> Cursor {
    let variant = item.variant_id.map(|id| id.to_string());
    Cursor::new(BY_ITEM)
        .string(&item.product_id.text())
        .string(&variant.unwrap_or_default())
}

fn item_of(page: &PageQuery) -> Result<Option<Item>, Problem> {
    let Start::After(cursor) = &page.start else {
        return Ok(None);
    };
    let mut values = cursor.values(BY_ITEM)?;
    let product_id = values.id()?;
    let variant_id = match values.string()? {
        "" => None,
        text => Some(id_of(text)?),
    };
    values.end()?;
    Ok(Some(Item {
        product_id,
        variant_id,
    }))
}

fn number_and_id(order: u8, number: i64, id: Id) -> Cursor {
    Cursor::new(order).int(number).string(&id.text())
}

fn number_and_id_of(page: &PageQuery, order: u8) -> Result<Option<(i64, Id)>, Problem> {
    let Start::After(cursor) = &page.start else {
        return Ok(None);
    };
    let mut values = cursor.values(order)?;
    let (number, id) = (values.int()?, values.id()?);
    values.end()?;
    Ok(Some((number, id)))
}

fn id_of(text: &str) -> Result<Id, Problem> {
    text.parse().map_err(|_| crate::http::invalid_cursor())
}

/// The orders of the lists, for their cursors.
const BY_ITEM: u8 = 1;
const BY_MARGIN: u8 = 2;
const BY_TIME: u8 = 3;

const NOBODY_PANICS: &str = "nobody panics while he holds a list of items";
