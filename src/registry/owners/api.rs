//! `/-/package/:@package/owners`: who owns a package, and `pnpm owner add` and `rm`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{Visitor, Writer};
use super::super::accounts;
use super::super::body::read_json;
use super::super::documents::api::name_of;
use super::super::packages::api::{reply_changed, run_as};
use super::super::packages::change::Told;
use super::super::packages::draft::Draft;
use super::super::packages::rows::{Collaborator, Permission};
use super::super::packages::sql as packages;
use super::super::wording::{not_found, ownerless, owners_counted};
use crate::context::Context;
use crate::http::{Exchange, Problem, Sent};
use crate::limits::OWNERS_MAX;
use crate::store::View;

/// Who is to own a package as well.
#[derive(Deserialize)]
struct OwnerBody {
    user: String,
}

/// `GET /-/package/:@package/owners`. A package of an upstream has its owners there.
pub async fn list(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = name_of(&exchange.request())?;
    visitor.may_read(context, &name)?;
    let owners = context.house.registry.read(|view| {
        let package = packages::read(view, &name)?;
        let hosted = package.filter(|row| row.upstream.is_none());
        hosted
            .map(|row| packages::collaborators(view, row.id))
            .transpose()
    })?;
    let owners = owners.ok_or_else(|| not_found(&name))?.into_iter();
    let owners = owners.filter(|one| one.permission == Permission::Write);
    let owners: Vec<Value> = owners
        .map(|one| json!({ "name": one.name, "username": one.name, "email": one.email }))
        .collect();
    exchange.reply().status(200).json(&owners);
    Ok(Sent)
}

/// `PUT /-/package/:@package/owners`: an account owns the package as well from then on.
pub async fn add(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = name_of(&exchange.request())?;
    let OwnerBody { user } = read_json(exchange).await?;
    let find = |view: &View<'_>| accounts::sql::named(view, &user);
    let account = context.house.registry.read(find)?;
    let unknown = || Problem::new(400, format!("There is no account '{user}'."));
    let account = account.ok_or_else(unknown)?;
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        let detail = json!({ "added": account.name });
        draft.grant(Collaborator {
            account: account.id,
            name: account.name,
            email: account.email,
            permission: Permission::Write,
        });
        if draft.owners().count() > OWNERS_MAX {
            return Err(owners_counted());
        }
        Ok(Told {
            actor,
            action: "package.owners_changed",
            detail,
        })
    };
    let changed = run_as(context, writer, &name, edit).await?;
    reply_changed(exchange, 201, &name, &changed);
    Ok(Sent)
}

/// `DELETE /-/package/:@package/owners/:user`. Somebody owns the package afterwards.
pub async fn remove(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let user = request.parameter("user")?.into_owned();
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _: i64| {
        let owner = draft.owners().find(|one| one.name == user);
        let unknown = || Problem::new(404, format!("'{user}' does not own the package."));
        let account = owner.ok_or_else(unknown)?.account;
        draft.withdraw(account);
        if draft.owners().next().is_none() {
            return Err(ownerless());
        }
        Ok(Told {
            actor,
            action: "package.owners_changed",
            detail: json!({ "removed": user }),
        })
    };
    let changed = run_as(context, writer, &name, edit).await?;
    reply_changed(exchange, 200, &name, &changed);
    Ok(Sent)
}
