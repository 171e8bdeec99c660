//! `/api/v1/auth`: register, verify-email.

use serde_json::json;

use super::super::links;
use super::super::links::rules::{Purpose, letter};
use super::super::sign_in::api::failed;
use super::super::users;
use super::super::users::rules::User;
use super::super::users::sql::NewUser;
use super::rules::{Register, VerifyEmail};
use crate::audit::{self, Actor, Entry};
use crate::auth::principal::Anyone;
use crate::auth::{Role, Secret, SecretHash};
use crate::context::Context;
use crate::http::{Body, Created, Exchange, NoContent, Problem};
use crate::id::Id;
use crate::mail::{self, Letter};
use crate::store::{SqlFault, Tx};

/// `POST /api/v1/auth/register`. The password is hashed and the disk written to whether or not
/// the address is taken, so that the time of the reply does not tell before the reply does.
pub async fn register(
    context: &Context,
    _: Anyone,
    body: Body<Register>,
    _: &mut Exchange<'_>,
) -> Result<Created<User>, Problem> {
    let Register {
        email,
        password,
        name,
    } = body.value;
    let email_key = email.key();
    context.admit_account(&email_key)?;
    let hashed = context.passwords.hash(password.into_string()).await;
    let new = NewUser {
        id: Id::fresh(),
        email: email.to_string(),
        email_key,
        name: name.into_string(),
        password_hash: hashed?,
        role: Role::Customer,
    };
    let secret = Secret::fresh();
    let base = context.settings.borrow().mail.link_base.clone();
    let letter = letter(Purpose::VerifyEmail, &base, &new.email, None, &secret);
    let command = move |tx: &mut Tx<'_>| create(tx, &new, &secret.hash(), &letter);
    let user = match context.house.commerce.write(command).await? {
        Ok(Some(user)) => user,
        Ok(None) => return Err(email_taken()),
        Err(fault) => return Err(failed(fault)),
    };
    Ok(Created {
        location: format!("/api/v1/users/{}", user.id),
        version: user.version,
        value: user,
    })
}

/// `POST /api/v1/auth/verify-email`.
pub async fn verify_email(
    context: &Context,
    _: Anyone,
    body: Body<VerifyEmail>,
    _: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let secret = Secret::parse(&body.token).ok_or_else(link_is_over)?;
    let verify = move |tx: &mut Tx<'_>| -> Result<Option<Id>, SqlFault> {
        let user = links::sql::consume(tx, Purpose::VerifyEmail, &secret.hash())?;
        if let Some(user) = user {
            users::sql::verify_email(tx, user)?;
            append(tx, user, "user.email_verified")?;
        }
        Ok(user)
    };
    let verified = context
        .house
        .commerce
        .write(verify)
        .await?
        .map_err(failed)?;
    verified.map(|_| NoContent).ok_or_else(link_is_over)
}

/// Makes the user with the letter and its link; nothing where the address is taken.
fn create(
    tx: &mut Tx<'_>,
    new: &NewUser,
    link: &SecretHash,
    letter: &Letter,
) -> Result<Option<User>, SqlFault> {
    match users::sql::insert(tx, new) {
        Ok(()) => {}
        Err(fault) if users::sql::is_email_taken(&fault) => {
            return mail::queue_nothing(tx).map(|()| None);
        }
        Err(fault) => return Err(fault),
    }
    links::sql::issue(tx, new.id, Purpose::VerifyEmail, link)?;
    mail::queue(tx, letter)?;
    append(tx, new.id, "user.registered")?;
    users::sql::read(tx, new.id)
}

fn append(tx: &mut Tx<'_>, user: Id, action: &'static str) -> Result<(), SqlFault> {
    let entry = Entry {
        actor: Actor::User(user),
        action,
        subject: ("user", &user.text()),
        detail: json!({}),
    };
    audit::append(tx, &entry)
}

/// The problem of an address that a user has.
pub fn email_taken() -> Problem {
    let detail = "There is an account with this address.";
    Problem::new(409, detail).code("email_taken")
}

/// The same for a link that is over, was used, or never was.
pub fn link_is_over() -> Problem {
    Problem::new(410, "This link is not good any more; ask for another.").code("link_expired")
}
