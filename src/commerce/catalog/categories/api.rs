//! Categories.

use serde_json::json;

use crate::audit::Actor;
use crate::auth::principal::{Admin, Anyone};
use crate::commerce::catalog::staff;
use crate::context::Context;
use crate::http::{
    Body, Created, Cursor, Exchange, NoContent, Page, PageQuery, Problem, Query, Rendered, Reply,
    Request, Start, Versioned, Written, if_match,
};
use crate::id::Id;
use crate::store::{Topic, Tx, View};

use super::change::{self, ChangeFault};
use super::shapes::{Category, CategoryQuery, CreateCategory, UpdateCategory};
use super::sql;

/// `GET /api/v1/categories`.
pub fn list(
    context: &Context,
    _: Anyone,
    query: Query<CategoryQuery>,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Written<Page<Category>>, Problem> {
    let store = &*context.house.commerce;
    context
        .replies
        .serve(store, request, reply, &[Topic::CATALOG], || {
            let CategoryQuery { parent, page } = &query.0;
            let listed = match parent {
                None => tree(page, store)?,
                Some(parent) => children(*parent, page, store)?,
            };
            Ok(Rendered::page(&listed, request))
        })?;
    Ok(Written::by_hand())
}

/// `GET /api/v1/categories/:id`.
pub fn read(
    context: &Context,
    _: Anyone,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Written<Category>, Problem> {
    let id = request.id("id")?;
    let store = &*context.house.commerce;
    let topics = [Topic::of(id.as_bytes())];
    context.replies.serve(store, request, reply, &topics, || {
        let category = store.read(|view| sql::read(view, id))?;
        let category = category.ok_or_else(|| Problem::new(404, ""))?;
        Ok(Rendered::versioned(
            category.version,
            &Category::from(category),
        ))
    })?;
    Ok(Written::by_hand())
}

/// `POST /api/v1/categories`.
pub async fn create(
    context: &Context,
    admin: Admin,
    body: Body<CreateCategory>,
    _: &mut Exchange<'_>,
) -> Result<Created<Category>, Problem> {
    let command = move |tx: &mut Tx<'_>| {
        let category = change::create(tx, body.value)?;
        let (subject, detail) = (("category", category.id), json!({ "slug": category.slug }));
        staff::note(
            tx,
            Actor::Staff(admin.id),
            "category.created",
            subject,
            detail,
        )?;
        Ok::<_, ChangeFault>(category)
    };
    let category = context.house.commerce.write(command).await??;
    Ok(Created {
        location: format!("/api/v1/categories/{}", category.id),
        version: category.version,
        value: category.into(),
    })
}

/// `PUT /api/v1/categories/:id`.
pub async fn update(
    context: &Context,
    admin: Admin,
    body: Body<UpdateCategory>,
    exchange: &mut Exchange<'_>,
) -> Result<Versioned<Category>, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let command = move |tx: &mut Tx<'_>| {
        let (before, category) = change::update(tx, id, &expected, body.value)?;
        let detail = staff::changes([
            ("name", json!(before.name), json!(category.name)),
            ("slug", json!(before.slug), json!(category.slug)),
            (
                "parent_id",
                json!(before.parent_id),
                json!(category.parent_id),
            ),
        ]);
        let subject = ("category", id);
        staff::note(
            tx,
            Actor::Staff(admin.id),
            "category.updated",
            subject,
            detail,
        )?;
        Ok::<_, ChangeFault>(category)
    };
    let category = context.house.commerce.write(command).await??;
    Ok(Versioned {
        version: category.version,
        value: category.into(),
    })
}

/// `DELETE /api/v1/categories/:id`.
pub async fn delete(
    context: &Context,
    admin: Admin,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let (id, expected) = (exchange.request().id("id")?, if_match(&exchange.request()));
    let command = move |tx: &mut Tx<'_>| {
        let category = change::delete(tx, id, &expected)?;
        let (subject, detail) = (("category", id), json!({ "slug": category.slug }));
        staff::note(
            tx,
            Actor::Staff(admin.id),
            "category.deleted",
            subject,
            detail,
        )?;
        Ok::<_, ChangeFault>(())
    };
    context.house.commerce.write(command).await??;
    Ok(NoContent)
}

fn tree(page: &PageQuery, store: &crate::store::Store) -> Result<Page<Category>, Problem> {
    let after = match &page.start {
        Start::First | Start::Number(_) => String::new(),
        Start::After(cursor) => {
            let mut values = cursor.values(TREE)?;
            let path = values.string()?.to_owned();
            values.end()?;
            path
        }
    };
    let list = |view: &View<'_>| {
        let rows = sql::list(
            view,
            &after,
            page.offset() as i64,
            i64::from(page.limit) + 1,
        )?;
        let cursor = |row: &sql::Category| Cursor::new(TREE).string(row.path.as_str());
        let listed = page.page(rows, cursor);
        listed.with_total(page, || sql::count(view, None))
    };
    Ok(shown(store.read(list)?))
}

fn children(
    parent: Id,
    page: &PageQuery,
    store: &crate::store::Store,
) -> Result<Page<Category>, Problem> {
    let after = match &page.start {
        Start::First | Start::Number(_) => None,
        Start::After(cursor) => {
            let mut values = cursor.values(CHILDREN)?;
            let place = (values.int()?, values.id()?);
            values.end()?;
            Some(place)
        }
    };
    let list = |view: &View<'_>| {
        let count = i64::from(page.limit) + 1;
        let rows = sql::list_children(view, parent, after, page.offset() as i64, count)?;
        let cursor = |row: &sql::Category| {
            Cursor::new(CHILDREN)
                .int(row.sort_order)
                .string(&row.id.text())
        };
        let listed = page.page(rows, cursor);
        listed.with_total(page, || sql::count(view, Some(parent)))
    };
    Ok(shown(store.read(list)?))
}

fn shown(page: Page<sql::Category>) -> Page<Category> {
    Page {
        items: page.items.into_iter().map(Category::from).collect(),
        next: page.next,
        total: page.total,
    }
}

/// Cursors of the whole tree, and of one category's children.
const TREE: u8 = 0;
const CHILDREN: u8 = 1;
