//! What the query of a list asks for, as the model of lists has it.

use crate::auth::Role;
use crate::auth::principal::User;
use crate::commerce::catalog::categories;
use crate::http::{Cursor, PageQuery, Problem, Start, invalid_cursor};
use crate::id::Id;
use crate::limits::CATEGORY_LANES_MAX;
use crate::store::{SqlFault, View};

use super::rules::{Family, Filter, Order, Position, Sort, Sorting, Status, StockFilter};
use super::shapes::{ProductFilter, StatusFilter};

/// The states of products that a caller may list; 403 where that is more than customers see.
pub fn statuses(
    asked: Option<StatusFilter>,
    vendor: Option<Id>,
    user: Option<User>,
) -> Result<Vec<Status>, Problem> {
    let statuses = match asked {
        None | Some(StatusFilter::Active) => return Ok(vec![Status::Active]),
        Some(StatusFilter::Inactive) => vec![Status::Inactive],
        Some(StatusFilter::Archived) => vec![Status::Archived],
        Some(StatusFilter::All) => Status::ALL.to_vec(),
    };
    let user = user.ok_or_else(|| {
        let problem = Problem::new(401, "Only staff sees products that are not active.");
        problem.header("WWW-Authenticate", "Bearer")
    })?;
    let is_own = user.role == Role::Vendor && vendor == Some(user.id);
    if user.role == Role::Admin || is_own {
        Ok(statuses)
    } else {
        Err(Problem::new(
            403,
            "Only staff sees products that are not active.",
        ))
    }
}

/// The filter of a query without its category.
pub fn filter(asked: &ProductFilter, statuses: Vec<Status>) -> Result<Filter, Problem> {
    let price_min = asked.price_min.map(|price| price.value());
    let price_max = asked.price_max.map(|price| price.value());
    if let (Some(low), Some(high)) = (price_min, price_max)
        && low > high
    {
        let detail = "must be at least `price_min`";
        return Err(Problem::invalid().fault("/price_max", "range", detail));
    }
    let mut values = asked.attribute.as_deref().unwrap_or_default().to_vec();
    values.sort_unstable();
    values.dedup();
    Ok(Filter {
        statuses,
        category: None,
        vendor: asked.vendor,
        price_min,
        price_max,
        rating_min_centi: asked.rating.map(|stars| stars.value() * 100),
        values,
        stock: match asked.in_stock {
            None => StockFilter::Any,
            Some(true) => StockFilter::Available,
            Some(false) => StockFilter::SoldOut,
        },
    })
}

/// The family of a category; nothing where there is no such category.
pub fn family(view: &View<'_>, category: Id) -> Result<Option<Family>, SqlFault> {
    let Some(category) = categories::sql::read(view, category)? else {
        return Ok(None);
    };
    Ok(Some(Family {
        ids: categories::sql::family(view, &category, CATEGORY_LANES_MAX as i64 + 1)?,
        path_end: category.path.end(),
        path: category.path.as_str().to_owned(),
    }))
}

/// The family of a category that is not there: nothing is in it.
pub fn no_family() -> Family {
    Family {
        ids: Vec::new(),
        path: String::new(),
        path_end: String::new(),
    }
}

/// How a list is sorted.
pub fn sorting(sort: Option<Sort>, order: Option<Order>) -> Sorting {
    let sort = sort.unwrap_or(Sort::Created);
    Sorting {
        sort,
        order: order.unwrap_or(sort.usual_order()),
    }
}

/// Where a page begins: after a position, and so many products after that.
pub fn start(page: &PageQuery, sorting: Sorting) -> Result<(Option<Position>, usize), Problem> {
    let Start::After(cursor) = &page.start else {
        let skipped = page.offset();
        if skipped > OFFSET_MAX {
            let detail = format!("must not be past {OFFSET_MAX} products; go on with `cursor`");
            return Err(Problem::invalid().fault("/page", "range", detail));
        }
        return Ok((None, skipped as usize));
    };
    let mut values = cursor.values(order_of(sorting))?;
    let position = Position {
        key: values.int()?,
        number: values.int()?,
    };
    values.end()?;
    if sorting.sort == Sort::Created && position.key != position.number {
        return Err(invalid_cursor());
    }
    Ok((Some(position), 0))
}

/// The cursor of a position.
pub fn cursor(position: Position, sorting: Sorting) -> Cursor {
    let cursor = Cursor::new(order_of(sorting));
    cursor.int(position.key).int(position.number)
}

/// A cursor of one order is refused in another.
fn order_of(sorting: Sorting) -> u8 {
    let sort = match sorting.sort {
        Sort::Created => 0,
        Sort::Price => 2,
        Sort::Rating => 4,
        Sort::Popularity => 6,
    };
    match sorting.order {
        Order::Ascending => sort,
        Order::Descending => sort + 1,
    }
}

/// Products before a page that is asked for by its number: all of them are walked past.
const OFFSET_MAX: u64 = 10_000;
