//! Products and the lists of them.

use crate::auth::Role;
use crate::auth::principal::{Admin, Maybe, Seller, User};
use crate::commerce::catalog::staff;
use crate::context::Context;
use crate::http::{
    Body, Created, Exchange, NoContent, Page, PageQuery, Problem, Query, Rendered, Reply, Request,
    Total, VersionedParts, Written, if_match,
};
use crate::id::Id;
use crate::store::{SqlFault, Topic, View};

use super::rules::{Filter, Position, Sorting, Status};
use super::shapes::{CreateProduct, Product, ProductQuery, UpdateProduct};
use super::{asked, change, listing, shown, sql};

/// `GET /api/v1/products`.
pub async fn list(
    context: &Context,
    user: Maybe<User>,
    query: Query<ProductQuery>,
    exchange: &mut Exchange<'_>,
) -> Result<Written<Page<Product>>, Problem> {
    let category = query.filter.category.map(Category::Filter);
    answer(context, user, query.0, category, exchange).await
}

/// `GET /api/v1/categories/:id/products`.
pub async fn list_in_category(
    context: &Context,
    user: Maybe<User>,
    query: Query<ProductQuery>,
    exchange: &mut Exchange<'_>,
) -> Result<Written<Page<Product>>, Problem> {
    list_of_category(context, user, query, exchange).await
}

/// `GET /api/v1/products/category/:id`.
pub async fn list_of_category(
    context: &Context,
    user: Maybe<User>,
    query: Query<ProductQuery>,
    exchange: &mut Exchange<'_>,
) -> Result<Written<Page<Product>>, Problem> {
    if query.filter.category.is_some() {
        let detail = "does not go with the category of the path";
        return Err(Problem::invalid().fault("/category", "conflict", detail));
    }
    let category = Category::Path(exchange.request().id("id")?);
    answer(context, user, query.0, Some(category), exchange).await
}

/// `GET /api/v1/products/:id`.
pub fn read(
    context: &Context,
    user: Maybe<User>,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Written<Product>, Problem> {
    let id = request.id("id")?;
    let store = &*context.house.commerce;
    let found = || {
        store
            .read(|view| found(view, id))?
            .ok_or_else(|| Problem::new(404, ""))
    };
    let topics = [Topic::of(id.as_bytes())];
    let mut hidden = None;
    let served = context.replies.serve(store, request, reply, &topics, || {
        let product = found()?;
        if is_seen_by(None, product.status, product.vendor_id) {
            return Ok(Rendered::of_parts(product.version, &product));
        }
        hidden = Some(product);
        Err(Problem::new(404, ""))
    });
    match hidden {
        Some(product) if is_seen_by(user.0, product.status, product.vendor_id) => {
            crate::http::Answer::write(
                VersionedParts {
                    version: product.version,
                    value: product,
                },
                request,
                reply,
            )?;
        }
        Some(_) | None => served?,
    }
    Ok(Written::by_hand())
}

/// `POST /api/v1/products`.
pub async fn create(
    context: &Context,
    seller: Seller,
    body: Body<CreateProduct>,
    _: &mut Exchange<'_>,
) -> Result<Created<Product>, Problem> {
    let command = move |tx: &mut crate::store::Tx<'_>| {
        let product = change::create(tx, seller, body.value)?;
        let (subject, detail) = (("product", product.id), change::detail(&product));
        staff::note(tx, staff::actor(seller), "product.created", subject, detail)?;
        Ok::<_, change::ChangeFault>(shown::product(tx, product)?)
    };
    let product = context.house.commerce.write(command).await??;
    Ok(Created {
        location: format!("/api/v1/products/{}", product.id),
        version: product.version,
        value: product,
    })
}

/// `PUT /api/v1/products/:id`.
pub async fn update(
    context: &Context,
    seller: Seller,
    body: Body<UpdateProduct>,
    exchange: &mut Exchange<'_>,
) -> Result<VersionedParts<Product>, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let command = move |tx: &mut crate::store::Tx<'_>| {
        let updated = change::update(tx, seller, id, &expected, body.value)?;
        let (subject, detail) = (("product", id), updated.detail());
        staff::note(tx, staff::actor(seller), "product.updated", subject, detail)?;
        Ok::<_, change::ChangeFault>(shown::product(tx, updated.after)?)
    };
    let product = context.house.commerce.write(command).await??;
    Ok(VersionedParts {
        version: product.version,
        value: product,
    })
}

/// `DELETE /api/v1/products/:id`.
pub async fn delete(
    context: &Context,
    admin: Admin,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let seller = staff::seller(admin);
    let command = move |tx: &mut crate::store::Tx<'_>| {
        let product = change::delete(tx, seller, id, &expected)?;
        let (subject, detail) = (("product", id), change::detail(&product));
        staff::note(tx, staff::actor(seller), "product.deleted", subject, detail)?;
        Ok::<_, change::ChangeFault>(())
    };
    context.house.commerce.write(command).await??;
    Ok(NoContent)
}

/// Where the category of a list comes from, which says what an unknown one is.
#[derive(Clone, Copy)]
enum Category {
    /// The query: no product is in one that is not there.
    Filter(Id),
    /// The path: 404.
    Path(Id),
}

/// A list as it was asked for.
struct Asked {
    filter: Filter,
    category: Option<Category>,
    sorting: Sorting,
    after: Option<Position>,
    skipped: usize,
    page: PageQuery,
}

async fn answer(
    context: &Context,
    user: Maybe<User>,
    query: ProductQuery,
    category: Option<Category>,
    exchange: &mut Exchange<'_>,
) -> Result<Written<Page<Product>>, Problem> {
    let asked = understood(user, query, category)?;
    let store = context.house.commerce.clone();
    let request = exchange.request();
    let is_quick = asked.page.total == Total::Left || asked.filter.is_counted();
    if is_quick {
        let render = || {
            let page = store.read(|view| page(view, asked))?;
            Ok(Rendered::page(&page.ok_or_else(no_category)?, &request))
        };
        let topics = [Topic::CATALOG];
        let reply = &mut exchange.reply();
        context
            .replies
            .serve(&*store, &request, reply, &topics, render)?;
        return Ok(Written::by_hand());
    }
    // Counting looks at every product that may meet the conditions.
    let page = store.read_heavy(move |view| page(view, asked)).await?;
    let page = page.ok_or_else(no_category)?;
    crate::http::Answer::write(page, &request, &mut exchange.reply())?;
    Ok(Written::by_hand())
}

fn understood(
    user: Maybe<User>,
    query: ProductQuery,
    category: Option<Category>,
) -> Result<Asked, Problem> {
    let ProductQuery {
        sort,
        order,
        filter,
    } = query;
    let statuses = asked::statuses(filter.status, filter.vendor, user.0)?;
    let sorting = asked::sorting(sort, order);
    let (after, skipped) = asked::start(&filter.page, sorting)?;
    Ok(Asked {
        filter: asked::filter(&filter, statuses)?,
        category,
        sorting,
        after,
        skipped,
        page: filter.page,
    })
}

/// The page; nothing where its category is named by the path and not there.
fn page(view: &View<'_>, asked: Asked) -> Result<Option<Page<Product>>, SqlFault> {
    let Asked {
        mut filter,
        category,
        sorting,
        after,
        skipped,
        page,
    } = asked;
    if let Some(Category::Filter(id) | Category::Path(id)) = category {
        filter.category = asked::family(view, id)?;
        match (category, &filter.category) {
            (_, Some(_)) => {}
            (Some(Category::Path(_)), None) => return Ok(None),
            (_, None) => filter.category = Some(asked::no_family()),
        }
    }
    let limit = page.limit as usize;
    let walked = listing::page(view, &filter, sorting, after, skipped + limit)?;
    let found = walked.found.get(skipped..).unwrap_or_default();
    let items = shown::products(view, found)?;
    let next = walked.next.map(|next| asked::cursor(next, sorting));
    let total = match page.total {
        Total::Left => None,
        Total::Included if filter.is_counted() => Some(listing::counted(view, &filter)?),
        Total::Included => Some(listing::count_all(view, &filter)?),
    };
    Ok(Some(Page { items, next, total }))
}

fn found(view: &View<'_>, id: Id) -> Result<Option<Product>, SqlFault> {
    let row = sql::read(view, id)?;
    row.map(|row| shown::product(view, row)).transpose()
}

/// Whether a product is there for a caller: one that is not active is for staff and its vendor.
pub fn is_seen_by(user: Option<User>, status: Status, vendor_id: Option<Id>) -> bool {
    let is_own = |user: User| match user.role {
        Role::Admin => true,
        Role::Vendor => vendor_id == Some(user.id),
        Role::Customer => false,
    };
    status == Status::Active || user.is_some_and(is_own)
}

fn no_category() -> Problem {
    Problem::new(404, "There is no such category.")
}
