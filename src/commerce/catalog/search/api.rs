//! Search for products.

use crate::auth::principal::{Maybe, User};
use crate::commerce::catalog::products::rules::{Filter, Position};
use crate::commerce::catalog::products::shapes::Product;
use crate::commerce::catalog::products::{asked, shown};
use crate::context::Context;
use crate::http::{Cursor, Exchange, Page, PageQuery, Problem, Query, Start, Total};
use crate::store::{SqlFault, View};

use super::rules::{QueryFault, expression, is_held};
use super::shapes::SearchQuery;
use super::sql;

/// `GET /api/v1/products/search`.
pub async fn find(
    context: &Context,
    user: Maybe<User>,
    query: Query<SearchQuery>,
    _: &mut Exchange<'_>,
) -> Result<Page<Product>, Problem> {
    let SearchQuery { q, filter: asked } = query.0;
    let statuses = asked::statuses(asked.status, asked.vendor, user.0)?;
    let filter = asked::filter(&asked, statuses)?;
    // What cannot be searched for is told before a thread is asked to.
    expression(&q, &filter).map_err(unsearchable)?;
    let wanted = Wanted {
        text: q.into_string(),
        category: asked.category,
        filter,
        resume: resume(&asked.page)?,
        page: asked.page,
    };
    // Ranking a common word takes milliseconds.
    Ok(context
        .house
        .commerce
        .read_heavy(move |view| search(view, wanted))
        .await?)
}

/// A search as it was asked for.
struct Wanted {
    text: String,
    category: Option<crate::id::Id>,
    filter: Filter,
    resume: Option<Resume>,
    page: PageQuery,
}

/// Where a search goes on. The ranks of products shift a little when others are added, so the
/// cursor names the product that was shown last, and what was there when the search began.
#[derive(Clone, Copy)]
struct Resume {
    /// The highest number then.
    ceiling: i64,
    /// The product that was shown last.
    last: i64,
    /// How many were shown: where to go on if that one is gone.
    shown: i64,
}

fn resume(page: &PageQuery) -> Result<Option<Resume>, Problem> {
    let Start::After(cursor) = &page.start else {
        return Ok(None);
    };
    let mut values = cursor.values(RANKS)?;
    let resume = Resume {
        ceiling: values.int()?,
        last: values.int()?,
        shown: values.int()?,
    };
    values.end()?;
    if resume.shown < 0 {
        return Err(crate::http::invalid_cursor());
    }
    Ok(Some(resume))
}

fn search(view: &View<'_>, wanted: Wanted) -> Result<Page<Product>, SqlFault> {
    let Wanted {
        text,
        category,
        mut filter,
        resume,
        page,
    } = wanted;
    if let Some(category) = category {
        let family = asked::family(view, category)?;
        filter.category = Some(family.unwrap_or_else(asked::no_family));
    }
    if filter
        .category
        .as_ref()
        .is_some_and(|family| family.ids.is_empty())
    {
        return Ok(Page {
            items: Vec::new(),
            next: None,
            total: total(&page, 0),
        });
    }
    let expression = expression(&text, &filter)
        .map_err(|_| SqlFault::Other("a search was not checked".to_owned()))?;
    let rest = Filter {
        category: filter.category.filter(|family| !is_held(family)),
        vendor: None,
        values: Vec::new(),
        ..filter
    };
    let ceiling = match resume {
        Some(resume) => resume.ceiling,
        None => sql::ceiling(view)?,
    };
    let ranked = sql::ranked(view, &expression, &rest, ceiling)?;
    let start = match resume {
        None => page.offset() as usize,
        Some(resume) => {
            let last = ranked.iter().position(|found| found.number == resume.last);
            last.map_or(resume.shown as usize, |position| position + 1)
        }
    };
    let limit = page.limit as usize;
    let found: Vec<Position> = ranked
        .iter()
        .skip(start)
        .take(limit)
        .map(|found| Position {
            key: 0,
            number: found.number,
        })
        .collect();
    let shown = start + found.len();
    let next = found.last().filter(|_| shown < ranked.len()).map(|last| {
        Cursor::new(RANKS)
            .int(ceiling)
            .int(last.number)
            .int(shown as i64)
    });
    Ok(Page {
        items: shown::products(view, &found)?,
        next,
        total: total(&page, ranked.len()),
    })
}

/// How many products can be paged through: no more than are ranked.
fn total(page: &PageQuery, ranked: usize) -> Option<u64> {
    (page.total == Total::Included).then_some(ranked as u64)
}

fn unsearchable(fault: QueryFault) -> Problem {
    let problem = Problem::invalid();
    match fault {
        QueryFault::NoWords => problem.fault("/q", "no_words", "must have a letter or a digit"),
        QueryFault::TooManyWords => {
            let detail = format!("must have at most {} words", super::rules::WORDS_MAX);
            problem.fault("/q", "too_many_words", detail)
        }
    }
}

/// The order of a search's cursors.
const RANKS: u8 = 16;
