//! `/api/v1/users/:id/addresses`: list, create, update, delete.

use serde_json::json;

use super::super::users;
use super::super::users::api::actor;
use super::rules::{
    ADDRESSES_MAX, Address, AddressFault, CreateAddress, First, UpdateAddress, created, updated,
};
use super::sql;
use crate::audit::{self, Entry};
use crate::auth::Role;
use crate::auth::principal::Owner;
use crate::context::Context;
use crate::http::{
    Body, Created, Cursor, Exchange, Expected, NoContent, Page, PageQuery, Problem, Query, Reply,
    Request, Total, Versioned, if_match,
};
use crate::id::Id;
use crate::store::{SqlFault, StoreFault, Tx};

crate::shape! {
    /// The query of `GET /api/v1/users/:id/addresses`.
    pub struct ListAddresses reads {
        ..pub page: PageQuery
    }
}

/// `GET /api/v1/users/:id/addresses`.
pub fn list(
    context: &Context,
    owner: Owner,
    query: Query<ListAddresses>,
    _: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Page<Address>, Problem> {
    let user = owner.of;
    let page = &query.page;
    let after = page.after_id(BY_ID)?;
    let (count_max, skip) = (i64::from(page.limit) + 1, page.offset() as i64);
    let found = context.house.commerce.read(|view| {
        if users::sql::read(view, user)?.is_none() {
            return Ok(None);
        }
        let addresses = sql::list(view, user, after, count_max, skip)?;
        let total = match page.total {
            Total::Included => Some(sql::count(view, user)? as u64),
            Total::Left => None,
        };
        Ok(Some((addresses, total)))
    })?;
    let (addresses, total) = found.ok_or_else(|| Problem::from(Fault::NotFound))?;
    let found = page.page(addresses, |last| Cursor::new(BY_ID).string(&last.id.text()));
    Ok(Page { total, ..found })
}

/// `POST /api/v1/users/:id/addresses`.
pub async fn create(
    context: &Context,
    owner: Owner,
    body: Body<CreateAddress>,
    _: &mut Exchange<'_>,
) -> Result<Created<Address>, Problem> {
    let user = owner.of;
    let add = move |tx: &mut Tx<'_>| -> Result<Address, Fault> {
        users::sql::read(tx, user)?.ok_or(Fault::NotFound)?;
        let is_first = match sql::count(tx, user)? {
            0 => First::Yes,
            count if count >= ADDRESSES_MAX => return Err(Fault::TooMany),
            _ => First::No,
        };
        let address = created(Id::fresh(), body.value, is_first)?;
        sql::insert(tx, user, &address)?;
        tell(tx, &owner, address.id, "address.created")?;
        sql::read(tx, user, address.id)?.ok_or(Fault::NotFound)
    };
    let address = context.house.commerce.write(add).await??;
    Ok(Created {
        location: format!("/api/v1/users/{user}/addresses/{}", address.id),
        version: address.version,
        value: address,
    })
}

/// `PUT /api/v1/users/:id/addresses/:addressId`.
pub async fn update(
    context: &Context,
    owner: Owner,
    body: Body<UpdateAddress>,
    exchange: &mut Exchange<'_>,
) -> Result<Versioned<Address>, Problem> {
    let request = exchange.request();
    let (user, id) = (owner.of, address_of_path(&request)?);
    let expected = if_match(&request);
    let change = move |tx: &mut Tx<'_>| -> Result<Address, Fault> {
        let before = present(tx, user, id, &expected)?;
        let after = updated(before, body.value)?;
        sql::update(tx, user, &after)?;
        tell(tx, &owner, id, "address.updated")?;
        sql::read(tx, user, id)?.ok_or(Fault::NotFound)
    };
    let address = context.house.commerce.write(change).await??;
    Ok(Versioned {
        version: address.version,
        value: address,
    })
}

/// `DELETE /api/v1/users/:id/addresses/:addressId`.
pub async fn delete(
    context: &Context,
    owner: Owner,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let request = exchange.request();
    let (user, id) = (owner.of, address_of_path(&request)?);
    let expected = if_match(&request);
    let remove = move |tx: &mut Tx<'_>| -> Result<(), Fault> {
        let address = present(tx, user, id, &expected)?;
        sql::remove(tx, user, &address)?;
        tell(tx, &owner, id, "address.deleted")
    };
    context.house.commerce.write(remove).await??;
    Ok(NoContent)
}

fn present(tx: &Tx<'_>, user: Id, id: Id, expected: &Expected) -> Result<Address, Fault> {
    users::sql::read(tx, user)?.ok_or(Fault::NotFound)?;
    let address = sql::read(tx, user, id)?.ok_or(Fault::NotFound)?;
    if expected.is_met(address.version) {
        Ok(address)
    } else {
        Err(Fault::Stale)
    }
}

/// What staff does with other people's addresses is told.
fn tell(tx: &mut Tx<'_>, owner: &Owner, id: Id, action: &'static str) -> Result<(), Fault> {
    if owner.by.role != Role::Admin {
        return Ok(());
    }
    let entry = Entry {
        actor: actor(&owner.by),
        action,
        subject: ("address", &id.text()),
        detail: json!({ "user_id": owner.of }),
    };
    Ok(audit::append(tx, &entry)?)
}

fn address_of_path(request: &Request<'_>) -> Result<Id, Problem> {
    let id = request.parameter("addressId")?.parse();
    id.map_err(|_| Fault::NotFound.into())
}

/// Why an address stays as it is, in the order of precedence.
enum Fault {
    NotFound,
    Stale,
    TooMany,
    Address(AddressFault),
    Sql(SqlFault),
}

impl From<SqlFault> for Fault {
    fn from(fault: SqlFault) -> Fault {
        Fault::Sql(fault)
    }
}

impl From<AddressFault> for Fault {
    fn from(fault: AddressFault) -> Fault {
        Fault::Address(fault)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        match fault {
            Fault::NotFound => Problem::new(404, "There is no such address."),
            Fault::Stale => Problem::new(412, "The address has changed since."),
            Fault::TooMany => {
                let detail = format!("A user has at most {ADDRESSES_MAX} addresses.");
                Problem::new(409, detail).code("too_many_addresses")
            }
            Fault::Address(AddressFault::PostalCode) => {
                let detail = "is no postal code of this country";
                Problem::invalid().fault("/postal_code", "format", detail)
            }
            Fault::Address(AddressFault::DefaultIsNeeded) => {
                let detail = "make another address the default instead";
                Problem::invalid().fault("/is_default", "default_needed", detail)
            }
            Fault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

/// The order of the list, for its cursors.
const BY_ID: u8 = 1;
