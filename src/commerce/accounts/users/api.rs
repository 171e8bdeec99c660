//! `/api/v1/users`: list, read, update, delete.

use serde_json::json;

use super::super::addresses;
use super::super::links;
use super::super::links::rules::{Purpose, farewell, letter};
use super::super::registration::api::email_taken;
use super::super::sign_in::sql::{Because, revoke_all};
use super::rules::{Moved, RoleIsForStaff, Standing, UpdateUser, Updated, User, updated};
use super::sql;
use crate::audit::{self, Actor, Entry};
use crate::auth::principal::{self, Admin, Owner};
use crate::auth::{Role, Secret};
use crate::commerce::listing;
use crate::context::Context;
use crate::http::{
    Body, Cursor, Exchange, Expected, NoContent, Page, PageQuery, Problem, Query, Reply, Request,
    Versioned, if_match,
};
use crate::id::Id;
use crate::mail;
use crate::store::{SqlFault, StoreFault, Tx};

crate::shape! {
    /// The query of `GET /api/v1/users`.
    pub struct ListUsers reads {
        ..pub page: PageQuery
    }
}

/// `GET /api/v1/users`: in the order of their making.
pub async fn list(
    context: &Context,
    _: Admin,
    query: Query<ListUsers>,
    _: &mut Exchange<'_>,
) -> Result<Page<User>, Problem> {
    let page = query.0.page;
    let after = page.after_id(BY_ID)?;
    listing::read(context, page, move |view, page| {
        let (count_max, skip) = (i64::from(page.limit) + 1, page.offset().cast_signed());
        let users = sql::list(view, after, count_max, skip)?;
        let users = page.page(users, |last| Cursor::new(BY_ID).string(&last.id.text()));
        users.with_total(page, || sql::count(view))
    })
    .await
}

/// `GET /api/v1/users/:id`.
pub fn read(
    context: &Context,
    owner: Owner,
    _: &Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Versioned<User>, Problem> {
    versioned(context, owner.of)
}

/// `PUT /api/v1/users/:id`.
pub async fn update(
    context: &Context,
    owner: Owner,
    body: Body<UpdateUser>,
    exchange: &mut Exchange<'_>,
) -> Result<Versioned<User>, Problem> {
    let change = Changing {
        id: owner.of,
        by: owner.by,
        expected: if_match(&exchange.request()),
        secret: Secret::fresh(),
        link_base: context.settings.borrow().mail.link_base.clone(),
    };
    let command = move |tx: &mut Tx<'_>| change.update(tx, body.value);
    let user = context.house.commerce.write(command).await??;
    Ok(Versioned {
        version: user.version,
        value: user,
    })
}

/// `DELETE /api/v1/users/:id`: orders stay, and nothing personal does.
pub async fn delete(
    context: &Context,
    owner: Owner,
    exchange: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let expected = if_match(&exchange.request());
    let command = move |tx: &mut Tx<'_>| remove(tx, owner.of, &expected, actor(&owner.by));
    context.house.commerce.write(command).await??;
    Ok(NoContent)
}

/// A user with the version; 404 without one.
pub fn versioned(context: &Context, id: Id) -> Result<Versioned<User>, Problem> {
    let user = context.house.commerce.read(|view| sql::read(view, id))?;
    let user = user.ok_or_else(not_found)?;
    Ok(Versioned {
        version: user.version,
        value: user,
    })
}

/// How the audit log names a caller.
pub fn actor(caller: &principal::User) -> Actor {
    match caller.role {
        Role::Admin => Actor::Staff(caller.id),
        Role::Customer | Role::Vendor => Actor::User(caller.id),
    }
}

/// Why a user was not changed, in the order of precedence.
#[derive(Debug)]
pub enum UserFault {
    /// There is none of this id.
    NotFound,
    /// It has changed since the caller read it.
    Stale,
    /// Only staff gives roles.
    RoleIsForStaff,
    /// There would be no administrator any more.
    LastAdmin,
    /// Another user has the address.
    EmailTaken,
    /// A statement failed.
    Sql(SqlFault),
}

impl From<SqlFault> for UserFault {
    fn from(fault: SqlFault) -> UserFault {
        if sql::is_email_taken(&fault) {
            UserFault::EmailTaken
        } else {
            UserFault::Sql(fault)
        }
    }
}

impl From<UserFault> for Problem {
    fn from(fault: UserFault) -> Problem {
        match fault {
            UserFault::NotFound => not_found(),
            UserFault::Stale => Problem::new(412, "The user has changed since."),
            UserFault::RoleIsForStaff => {
                let detail = "Only staff changes roles.";
                Problem::new(403, detail).fault("/role", "forbidden", detail)
            }
            UserFault::LastAdmin => {
                let detail = "This is the last administrator: make another one first.";
                Problem::new(409, detail).code("last_admin")
            }
            UserFault::EmailTaken => email_taken(),
            UserFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

/// An update on its way.
struct Changing {
    id: Id,
    by: principal::User,
    expected: Expected,
    /// For the link that verifies another address.
    secret: Secret,
    link_base: String,
}

impl Changing {
    fn update(&self, tx: &mut Tx<'_>, update: UpdateUser) -> Result<User, UserFault> {
        let before = sql::read(tx, self.id)?.ok_or(UserFault::NotFound)?;
        if !self.expected.is_met(before.version) {
            return Err(UserFault::Stale);
        }
        let by = match self.by.role {
            Role::Admin => Standing::Staff,
            Role::Customer | Role::Vendor => Standing::Oneself,
        };
        let was_admin = before.role == Role::Admin;
        let goodbye = farewell(&before.email, before.name_in_letters());
        let after = updated(before, update, by);
        let after = after.map_err(|RoleIsForStaff| UserFault::RoleIsForStaff)?;
        if after.role == Moved::Yes {
            if was_admin && !sql::has_other_admin(tx, self.id)? {
                return Err(UserFault::LastAdmin);
            }
            sql::set_role(tx, self.id, after.user.role, Some(self.by.id))?;
        }
        sql::update(tx, &after.user)?;
        if after.email == Moved::Yes {
            links::sql::end_all(tx, self.id)?;
            mail::queue(tx, &goodbye)?;
            let (user, purpose) = (&after.user, Purpose::VerifyEmail);
            links::sql::issue(tx, self.id, purpose, &self.secret.hash())?;
            let base = &self.link_base;
            let name = user.name_in_letters();
            mail::queue(tx, &letter(purpose, base, &user.email, name, &self.secret))?;
        }
        self.tell(tx, &after)?;
        sql::read(tx, self.id)?.ok_or(UserFault::NotFound)
    }

    /// What staff changes, and what a login depends on, is told.
    fn tell(&self, tx: &mut Tx<'_>, after: &Updated) -> Result<(), UserFault> {
        let subject = self.id.text();
        let mut append = |action, detail| {
            let (actor, subject) = (actor(&self.by), ("user", &*subject));
            let entry = Entry {
                actor,
                action,
                subject,
                detail,
            };
            audit::append(tx, &entry)
        };
        if after.role == Moved::Yes {
            append("user.role_changed", json!({ "role": after.user.role }))?;
        }
        if after.email == Moved::Yes {
            append("user.email_changed", json!({}))?;
        }
        let is_plain = after.role == Moved::No && after.email == Moved::No;
        if is_plain && self.by.role == Role::Admin {
            append("user.updated", json!({}))?;
        }
        Ok(())
    }
}

fn remove(tx: &mut Tx<'_>, id: Id, expected: &Expected, actor: Actor) -> Result<(), UserFault> {
    let user = sql::read(tx, id)?.ok_or(UserFault::NotFound)?;
    if !expected.is_met(user.version) {
        return Err(UserFault::Stale);
    }
    if user.role == Role::Admin && !sql::has_other_admin(tx, id)? {
        return Err(UserFault::LastAdmin);
    }
    revoke_all(tx, id, Because::Deleted)?;
    addresses::sql::remove_all(tx, id)?;
    links::sql::remove_all(tx, id)?;
    sql::anonymise(tx, id)?;
    let entry = Entry {
        actor,
        action: "user.deleted",
        subject: ("user", &id.text()),
        detail: json!({}),
    };
    Ok(audit::append(tx, &entry)?)
}

fn not_found() -> Problem {
    Problem::new(404, "There is no such user.")
}

/// The order of the list, for its cursors.
const BY_ID: u8 = 1;
