//! The statements behind lists of products, put together from fixed pieces.
//!
//! A list is walked along the index of its sort, from its cursor on. Conditions that the index
//! does not hold are checked row by row, for a bounded number of rows; what is found by then is
//! the page, and the next one goes on where the walk stopped. A category is the merge of its
//! descendants' lists; where those are many it is a condition along the shop's list. Where one
//! condition alone leaves few products, those are collected and sorted instead. So no request
//! looks at more than a few thousand rows, however many products there are.

use crate::id::Id;
use crate::limits::CATEGORY_LANES_MAX;
use crate::store::{Row, SqlFault, ToValue, View};

use super::rules::{Filter, Order, Position, Sort, Sorting, Status};
use super::statement::Statement;
use super::walk::{Page, Piece, Reached, merge};

/// How far a request looks.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Rows that one walk looks at before it lets the client decide whether to go on.
    pub rows_walked_max: i64,
    /// Rows of a set that are sorted for each page rather than met along a walk.
    pub set_rows_max: i64,
    /// Categories whose lists are merged; a family with more is met along the shop's list.
    pub category_lanes_max: usize,
}

impl Bounds {
    /// A few milliseconds at the most.
    pub const USUAL: Bounds = Bounds {
        rows_walked_max: 4000,
        set_rows_max: 2000,
        category_lanes_max: CATEGORY_LANES_MAX,
    };
}

/// Up to `count` products of a list, from after a position.
pub fn page(
    view: &View<'_>,
    filter: &Filter,
    sorting: Sorting,
    after: Option<Position>,
    count: usize,
) -> Result<Page, SqlFault> {
    page_within(view, filter, sorting, after, count, Bounds::USUAL)
}

/// As [`page`], with other bounds.
pub fn page_within(
    view: &View<'_>,
    filter: &Filter,
    sorting: Sorting,
    after: Option<Position>,
    count: usize,
    bounds: Bounds,
) -> Result<Page, SqlFault> {
    if let Some(set) = small_set(view, filter, sorting.sort, bounds)? {
        return collected(view, filter, &set, sorting, after, count);
    }
    let lanes = lanes(filter, sorting.sort, bounds);
    // However many lists there are, one look at each of them goes no further than one list's.
    let share = bounds.rows_walked_max / (lanes.len() as i64).max(1);
    let bounds = Bounds {
        // A look at no row at all would make no headway.
        rows_walked_max: share.max(1),
        ..bounds
    };
    merge(sorting, lanes.len(), after, count, |lane, after, wanted| {
        walk(view, (filter, &lanes[lane], bounds), sorting, after, wanted)
    })
}

/// How many products a list has, where states and categories alone decide.
///
/// # Panics
/// Where other conditions do; see [`Filter::is_counted`].
pub fn counted(view: &View<'_>, filter: &Filter) -> Result<u64, SqlFault> {
    assert!(filter.is_counted(), "other conditions are not counted");
    let mut total = 0;
    for status in &filter.statuses {
        let status = status.as_str();
        let read = |row: &Row<'_>| row.get::<i64>(0).map(i64::unsigned_abs);
        total += match &filter.category {
            None => view.one(COUNTED, &[&status], read)?,
            Some(family) => {
                let args: [&dyn ToValue; 3] = [&family.path, &family.path_end, &status];
                view.one(COUNTED_IN_FAMILY, &args, read)?
            }
        }
        .unwrap_or_default();
    }
    Ok(total)
}

/// How many products a list has, by looking at all of them: for a thread that may take its time.
pub fn count_all(view: &View<'_>, filter: &Filter) -> Result<u64, SqlFault> {
    let statement = Statement::count(filter);
    let read = |row: &Row<'_>| row.get::<i64>(0).map(i64::unsigned_abs);
    let count = view.one_built(&statement.text, &statement.arguments(), read)?;
    Ok(count.unwrap_or_default())
}

/// One sorted list that an index holds.
struct Lane {
    status: Status,
    scope: Scope,
}

#[derive(Clone, Copy)]
enum Scope {
    Shop,
    Category(Id),
    Vendor(Id),
}

fn lanes(filter: &Filter, sort: Sort, bounds: Bounds) -> Vec<Lane> {
    let family = filter.category.as_ref();
    let family = family.filter(|family| family.ids.len() <= bounds.category_lanes_max);
    let scopes: Vec<Scope> = match (family, filter.vendor) {
        (Some(family), _) => family.ids.iter().copied().map(Scope::Category).collect(),
        (None, Some(vendor)) if sort == Sort::Created => vec![Scope::Vendor(vendor)],
        (None, _) => vec![Scope::Shop],
    };
    let of_status = |status: &Status| {
        let status = *status;
        scopes.iter().map(move |scope| Lane {
            status,
            scope: *scope,
        })
    };
    filter.statuses.iter().flat_map(of_status).collect()
}

impl Lane {
    /// The conditions that the lane's index does not hold.
    fn leaves_open(&self, filter: &Filter, sort: Sort) -> Filter {
        let mut open = filter.clone();
        match self.scope {
            Scope::Shop => {}
            Scope::Category(_) => open.category = None,
            Scope::Vendor(_) => open.vendor = None,
        }
        match sort {
            Sort::Price => (open.price_min, open.price_max) = (None, None),
            Sort::Rating => open.rating_min_centi = None,
            Sort::Created | Sort::Popularity => {}
        }
        open
    }
}

/// A part of a list's index: the rest of those with the key of the cursor, or those beyond it.
#[derive(Clone, Copy)]
enum Stage {
    Tie { key: i64, low: i64, high: i64 },
    Range { low: i64, high: i64 },
}

fn stages(filter: &Filter, sorting: Sorting, after: Option<Position>) -> Vec<Stage> {
    let (low, high) = filter.keys(sorting.sort);
    let Some(after) = after else {
        return vec![Stage::Range { low, high }];
    };
    let beyond = |from: i64| match sorting.order {
        Order::Ascending => from.checked_add(1).map(|low| (low, i64::MAX)),
        Order::Descending => from.checked_sub(1).map(|high| (i64::MIN, high)),
    };
    let range = beyond(after.key).map(|(from, to)| Stage::Range {
        low: low.max(from),
        high: high.min(to),
    });
    let tie = beyond(after.number)
        .filter(|_| sorting.sort != Sort::Created && (low..=high).contains(&after.key))
        .map(|(low, high)| Stage::Tie {
            key: after.key,
            low,
            high,
        });
    let is_open = |stage: &Stage| match stage {
        Stage::Tie { .. } => true,
        Stage::Range { low, high } => low <= high,
    };
    tie.into_iter().chain(range.filter(is_open)).collect()
}

/// A piece of a lane: at most `wanted` products that meet the filter.
fn walk(
    view: &View<'_>,
    (filter, lane, bounds): (&Filter, &Lane, Bounds),
    sorting: Sorting,
    after: Option<Position>,
    wanted: usize,
) -> Result<Piece, SqlFault> {
    let mut found = Vec::new();
    for stage in stages(filter, sorting, after) {
        let count = wanted - found.len();
        let statement = Statement::walk((filter, lane, bounds), sorting, stage, count);
        found.extend(positions(view, &statement)?);
        if found.len() == wanted {
            let last = found[wanted - 1];
            return Ok(Piece {
                found,
                reached: Reached::Position(last),
            });
        }
        if statement.is_bounded {
            let stop = Statement::stop((lane, bounds), sorting, stage);
            if let Some(stop) = positions(view, &stop)?.pop() {
                return Ok(Piece {
                    found,
                    reached: Reached::Position(stop),
                });
            }
        }
    }
    Ok(Piece {
        found,
        reached: Reached::End,
    })
}

/// A condition that an index answers by itself.
enum Set {
    Value(Id),
    Vendor(Id),
    Price(i64, i64),
    Rating(i64),
}

/// A condition that few products meet, if there is one.
fn small_set(
    view: &View<'_>,
    filter: &Filter,
    sort: Sort,
    bounds: Bounds,
) -> Result<Option<Set>, SqlFault> {
    let (price_low, price_high) = filter.keys(Sort::Price);
    let has_price = filter.price_min.is_some() || filter.price_max.is_some();
    let values = filter.values.iter().copied().map(Set::Value);
    let vendor = filter
        .vendor
        .filter(|_| sort != Sort::Created)
        .map(Set::Vendor);
    let price = (has_price && sort != Sort::Price).then_some(Set::Price(price_low, price_high));
    let rating = filter
        .rating_min_centi
        .filter(|_| sort != Sort::Rating)
        .map(Set::Rating);
    for set in values.chain(vendor).chain(price).chain(rating) {
        let statement = Statement::extent(filter, &set, bounds);
        let count = view.one_built(&statement.text, &statement.arguments(), |row| row.get(0))?;
        if count.is_some_and(|count: i64| count <= bounds.set_rows_max) {
            return Ok(Some(set));
        }
    }
    Ok(None)
}

fn collected(
    view: &View<'_>,
    filter: &Filter,
    set: &Set,
    sorting: Sorting,
    after: Option<Position>,
    count: usize,
) -> Result<Page, SqlFault> {
    let statement = Statement::collected(filter, set, sorting, after, count + 1);
    let mut found = positions(view, &statement)?;
    let has_more = found.len() > count;
    found.truncate(count);
    let next = found.last().copied().filter(|_| has_more);
    Ok(Page { found, next })
}

fn positions(view: &View<'_>, statement: &Statement) -> Result<Vec<Position>, SqlFault> {
    view.all_built(&statement.text, &statement.arguments(), |row| {
        Ok(Position {
            number: row.get(0)?,
            key: row.get(1)?,
        })
    })
}

impl Statement {
    /// The walk over one stage of a lane, with the conditions that its index does not hold.
    fn walk(
        (filter, lane, bounds): (&Filter, &Lane, Bounds),
        sorting: Sorting,
        stage: Stage,
        count: usize,
    ) -> Statement {
        let mut rest = Statement::of("");
        let free = lane.leaves_open(filter, sorting.sort);
        if free.is_counted() && free.category.is_none() {
            rest.along(lane, sorting, stage, "");
            rest.condition(" LIMIT ", count as i64);
            return rest;
        }
        rest.add("SELECT walked.number, walked.sort_key FROM (");
        rest.along(
            lane,
            sorting,
            stage,
            ", id, vendor_id, category_id, price_amount, rating_average_centi",
        );
        rest.condition(" LIMIT ", bounds.rows_walked_max);
        rest.add(") AS walked WHERE 1 = 1");
        rest.meet(&free);
        rest.condition(" LIMIT ", count as i64);
        rest.is_bounded = true;
        rest
    }

    /// Where a bounded walk over the same stage stops; no row where it comes to the end.
    fn stop((lane, bounds): (&Lane, Bounds), sorting: Sorting, stage: Stage) -> Statement {
        let mut statement = Statement::of("");
        statement.along(lane, sorting, stage, "");
        statement.condition(" LIMIT 1 OFFSET ", bounds.rows_walked_max - 1);
        statement
    }

    fn along(&mut self, lane: &Lane, sorting: Sorting, stage: Stage, columns: &str) {
        let key = column_of(sorting.sort);
        self.add("SELECT number, ");
        self.add(key);
        self.add(" AS sort_key");
        self.add(columns);
        self.add(" FROM products WHERE deleted_at IS NULL AND ");
        match lane.scope {
            Scope::Shop => {}
            Scope::Category(id) => {
                self.condition("category_id = ", id);
                self.add(" AND ");
            }
            Scope::Vendor(id) => {
                self.condition("vendor_id = ", id);
                self.add(" AND ");
            }
        }
        self.condition("status = ", lane.status.as_str());
        self.add(" AND ");
        self.add(key);
        let (low, high) = match stage {
            Stage::Range { low, high } => (low, high),
            Stage::Tie { key, low, high } => {
                self.condition(" = ", key);
                self.add(" AND number");
                (low, high)
            }
        };
        self.condition(" BETWEEN ", low);
        self.condition(" AND ", high);
        self.add(match (sorting.sort == Sort::Created, sorting.order) {
            (true, Order::Ascending) => " ORDER BY number",
            (true, Order::Descending) => " ORDER BY number DESC",
            (false, Order::Ascending) => " ORDER BY sort_key, number",
            (false, Order::Descending) => " ORDER BY sort_key DESC, number DESC",
        });
    }

    /// The products of a small set that meet the filter, sorted.
    fn collected(
        filter: &Filter,
        set: &Set,
        sorting: Sorting,
        after: Option<Position>,
        count: usize,
    ) -> Statement {
        let key = column_of(sorting.sort);
        let mut statement = Statement::of("SELECT walked.number, walked.");
        statement.add(key);
        statement.collect(filter, Some(set));
        if let Some(after) = after {
            let beyond = match sorting.order {
                Order::Ascending => " > ",
                Order::Descending => " < ",
            };
            statement.add(&format!(" AND ((walked.{key} + 0)"));
            statement.condition(beyond, after.key);
            statement.condition(&format!(" OR ((walked.{key} + 0) = "), after.key);
            statement.condition(&format!(" AND (walked.number + 0){beyond}"), after.number);
            statement.add("))");
        }
        let direction = match sorting.order {
            Order::Ascending => "",
            Order::Descending => " DESC",
        };
        let order = format!(" ORDER BY (walked.{key} + 0){direction}, walked.number{direction}");
        statement.add(&order);
        statement.condition(" LIMIT ", count as i64);
        statement
    }

    /// How many products a set has, if those are not too many.
    fn extent(filter: &Filter, set: &Set, bounds: Bounds) -> Statement {
        let mut statement = Statement::of("SELECT COUNT(*) FROM (SELECT 1");
        statement.of_set(set);
        statement.with_statuses(filter);
        statement.condition(" LIMIT ", bounds.set_rows_max + 1);
        statement.add(") AS found");
        statement
    }

    /// How many products meet the filter.
    fn count(filter: &Filter) -> Statement {
        let mut statement = Statement::of("SELECT COUNT(*)");
        statement.collect(filter, None);
        statement
    }

    /// All that meet the filter, by way of a set where one is given.
    fn collect(&mut self, filter: &Filter, set: Option<&Set>) {
        match set {
            Some(set) => self.of_set(set),
            None => self.add(" FROM products AS walked WHERE walked.deleted_at IS NULL"),
        }
        self.with_statuses(filter);
        self.meet(filter);
    }

    fn of_set(&mut self, set: &Set) {
        if let Set::Value(value) = set {
            self.add(" FROM product_attributes AS member CROSS JOIN products AS walked");
            self.add(" WHERE walked.number = member.product_number");
            self.condition(
                " AND walked.deleted_at IS NULL AND member.value_id = ",
                *value,
            );
            return;
        }
        self.add(" FROM products AS walked WHERE walked.deleted_at IS NULL AND ");
        match set {
            Set::Value(_) => unreachable!("it returned"),
            Set::Vendor(vendor) => self.condition("walked.vendor_id = ", *vendor),
            Set::Price(low, high) => {
                self.condition("walked.price_amount BETWEEN ", *low);
                self.condition(" AND ", *high);
            }
            Set::Rating(low) => self.condition("walked.rating_average_centi >= ", *low),
        }
    }
}

fn column_of(sort: Sort) -> &'static str {
    match sort {
        Sort::Created => "number",
        Sort::Price => "price_amount",
        Sort::Rating => "rating_average_centi",
        Sort::Popularity => "popularity",
    }
}

const _: () = {
    // Every list of a merge is looked at for more rows than a page of it usually shows.
    let lanes_max = (CATEGORY_LANES_MAX * Status::ALL.len()) as i64;
    assert!(Bounds::USUAL.rows_walked_max / lanes_max >= 32);
};

const COUNTED: &str =
    "SELECT COALESCE(SUM(products), 0) FROM product_counts WHERE category_id >= '' AND status = ?1";
const COUNTED_IN_FAMILY: &str = "SELECT COALESCE(SUM(product_counts.products), 0) \
     FROM categories JOIN product_counts ON product_counts.category_id = categories.id \
     WHERE categories.deleted_at IS NULL AND categories.path >= ?1 AND categories.path < ?2 \
     AND product_counts.status = ?3";

/// Every statement of this file whose text is fixed.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("products::listing::COUNTED", COUNTED),
    ("products::listing::COUNTED_IN_FAMILY", COUNTED_IN_FAMILY),
];

/// Every form of the statements that are put together, each condition on its own and all at once.
#[cfg(test)]
pub fn built_statements() -> Vec<(String, String)> {
    let filters = forms::filters();
    let after = Some(Position { key: 1, number: 1 });
    let mut all = Vec::new();
    for filter in &filters {
        for sorting in forms::sortings() {
            let name = |part: &str| format!("products::listing::{part}({sorting:?}, {filter:?})");
            for (lane, stage) in forms::walks(filter, sorting, after) {
                let lane = &lane;
                let walk = Statement::walk((filter, lane, Bounds::USUAL), sorting, stage, 1);
                all.push((name("walk"), walk.text));
                let stop = Statement::stop((lane, Bounds::USUAL), sorting, stage);
                all.push((name("stop"), stop.text));
            }
            for set in forms::sets() {
                let collected = Statement::collected(filter, &set, sorting, after, 1);
                all.push((name("collected"), collected.text));
                all.push((
                    name("extent"),
                    Statement::extent(filter, &set, Bounds::USUAL).text,
                ));
            }
        }
        let count = Statement::count(filter);
        all.push((
            format!("products::listing::count_all({filter:?})"),
            count.text,
        ));
    }
    all.sort_by(|one, other| one.1.cmp(&other.1));
    all.dedup_by(|one, other| one.1 == other.1);
    all
}

#[cfg(test)]
mod forms {
    use super::super::rules::{Family, Status, StockFilter};
    use super::*;

    pub(super) fn filters() -> Vec<Filter> {
        let id = Id::of(0, [0; 10]);
        let family = Family {
            ids: vec![id],
            path: String::new(),
            path_end: String::new(),
        };
        let all = Filter {
            statuses: Status::ALL.to_vec(),
            category: Some(family.clone()),
            vendor: Some(id),
            price_min: Some(1),
            price_max: Some(2),
            rating_min_centi: Some(1),
            values: vec![id, id],
            stock: StockFilter::SoldOut,
        };
        let with = |change: fn(&mut Filter, &Filter)| {
            let mut filter = Filter::of_shop();
            change(&mut filter, &all);
            filter
        };
        vec![
            with(|_, _| {}),
            with(|filter, all| filter.category.clone_from(&all.category)),
            with(|filter, all| filter.vendor = all.vendor),
            with(|filter, all| {
                (filter.price_min, filter.price_max) = (all.price_min, all.price_max)
            }),
            with(|filter, all| filter.rating_min_centi = all.rating_min_centi),
            with(|filter, all| filter.values.clone_from(&all.values)),
            with(|filter, _| filter.stock = StockFilter::Available),
            all.clone(),
        ]
    }

    /// What a list is walked along, where categories have lists of their own and where they have
    /// not.
    pub(super) fn walks(
        filter: &Filter,
        sorting: Sorting,
        after: Option<Position>,
    ) -> Vec<(Lane, Stage)> {
        let mut walks = Vec::new();
        for category_lanes_max in [0, CATEGORY_LANES_MAX] {
            let bounds = Bounds {
                category_lanes_max,
                ..Bounds::USUAL
            };
            for stage in stages(filter, sorting, after) {
                let lane = lanes(filter, sorting.sort, bounds).swap_remove(0);
                walks.push((lane, stage));
            }
        }
        walks
    }

    pub(super) fn sortings() -> impl Iterator<Item = Sorting> {
        let orders = |sort: Sort| {
            Order::ALL.iter().map(move |order| Sorting {
                sort,
                order: *order,
            })
        };
        Sort::ALL.iter().copied().flat_map(orders)
    }

    pub(super) fn sets() -> [Set; 4] {
        let id = Id::of(0, [0; 10]);
        [
            Set::Value(id),
            Set::Vendor(id),
            Set::Price(1, 2),
            Set::Rating(1),
        ]
    }
}
