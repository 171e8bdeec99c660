//! `/api/v1/auth`: forgot-password, reset-password.

use serde_json::json;

use super::super::links;
use super::super::links::rules::{Purpose, letter};
use super::super::registration::api::link_is_over;
use super::super::sign_in::api::failed;
use super::super::sign_in::sql::{Because, revoke_all};
use super::super::users;
use super::rules::{ForgotPassword, Forgotten, ResetPassword};
use crate::audit::{self, Actor, Entry};
use crate::auth::Secret;
use crate::auth::principal::Anyone;
use crate::context::Context;
use crate::http::{Accepted, Body, Exchange, NoContent, Problem};
use crate::id::Id;
use crate::mail;
use crate::store::{SqlFault, Tx, View};
use crate::telemetry::process::unix_ms;

/// `POST /api/v1/auth/forgot-password`: 202 for every address, after a write in either case.
pub async fn forgot(
    context: &Context,
    _: Anyone,
    body: Body<ForgotPassword>,
    _: &mut Exchange<'_>,
) -> Result<Accepted<Forgotten>, Problem> {
    let key = body.email.key();
    context.admit_account(&key)?;
    let base = context.settings.borrow().mail.link_base.clone();
    let secret = Secret::fresh();
    let queue = move |tx: &mut Tx<'_>| -> Result<(), SqlFault> {
        let found = users::sql::credentials(tx, &key)?;
        let user = match found {
            Some(found) => users::sql::read(tx, found.id)?,
            None => None,
        };
        let Some(user) = user else {
            return mail::queue_nothing(tx);
        };
        links::sql::issue(tx, user.id, Purpose::ResetPassword, &secret.hash())?;
        let purpose = Purpose::ResetPassword;
        let name = user.name_in_letters();
        mail::queue(tx, &letter(purpose, &base, &user.email, name, &secret))
    };
    context.house.commerce.write(queue).await?.map_err(failed)?;
    Ok(Accepted(Forgotten {
        detail: "If there is an account with this address, a letter is on its way.",
    }))
}

/// `POST /api/v1/auth/reset-password`. Whoever reads the mail of the address sets the password;
/// every session ends.
pub async fn reset(
    context: &Context,
    _: Anyone,
    body: Body<ResetPassword>,
    _: &mut Exchange<'_>,
) -> Result<NoContent, Problem> {
    let ResetPassword { token, password } = body.value;
    let secret = Secret::parse(&token).ok_or_else(link_is_over)?;
    // Made-up links are not worth a hash.
    let (purpose, now_ms) = (Purpose::ResetPassword, unix_ms() as i64);
    let look = |view: &View<'_>| links::sql::is_good(view, purpose, &secret.hash(), now_ms);
    if !context.house.commerce.read(look)? {
        return Err(link_is_over());
    }
    let hash = context.passwords.hash(password.into_string()).await?;
    let set = move |tx: &mut Tx<'_>| -> Result<Option<Id>, SqlFault> {
        let user = links::sql::consume(tx, Purpose::ResetPassword, &secret.hash())?;
        if let Some(user) = user {
            users::sql::set_password(tx, user, &hash)?;
            users::sql::verify_email(tx, user)?;
            let ended = revoke_all(tx, user, Because::Password)?;
            tell(tx, user, ended)?;
        }
        Ok(user)
    };
    let reset = context.house.commerce.write(set).await?.map_err(failed)?;
    reset.map(|_| NoContent).ok_or_else(link_is_over)
}

fn tell(tx: &mut Tx<'_>, user: Id, sessions_ended: usize) -> Result<(), SqlFault> {
    let entry = Entry {
        actor: Actor::User(user),
        action: "user.password_reset",
        subject: ("user", &user.text()),
        detail: json!({ "sessions_ended": sessions_ended }),
    };
    audit::append(tx, &entry)
}
