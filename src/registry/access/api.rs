//! `/-/package/:@package/{visibility,access,collaborators}`: who may read and publish a package;
//! what an account has; and what this registry does not have.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::accounts;
use super::super::body::read_json;
use super::super::documents::api::name_of;
use super::super::name::PackageName;
use super::super::packages::change::{self, Missing, Told};
use super::super::packages::draft::Draft;
use super::super::packages::rows::{Collaborator, PackageRow, Permission, Visibility};
use super::super::packages::sql as packages;
use super::super::uplinks::{self, Standing};
use super::super::wording::{not_found, ownerless};
use super::rules::{permission_named, visibility_named};
use super::sql::{self, Origin};
use super::{Caller, Visitor, Writer};
use crate::auth::principal::Anyone;
use crate::context::Context;
use crate::http::{Exchange, Problem, Request, Sent};
use crate::id::Id;
use crate::store::View;

/// What `npm access set status=…` and `npm access set mfa=…` send.
#[derive(Deserialize)]
struct AccessBody {
    access: Option<String>,
    public: Option<bool>,
    publish_requires_tfa: Option<bool>,
}

/// What a collaborator is to be let do; nothing for no more.
#[derive(Deserialize)]
struct CollaboratorBody {
    user: String,
    permissions: Option<String>,
}

/// `GET /-/package/:@package/visibility`.
pub async fn visibility(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = name_of(&exchange.request())?;
    let visibility = shown(context, &visitor, &name)?;
    let reply = json!({ "public": visibility == Visibility::Public });
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// `GET /-/package/:@package/access`.
pub async fn access(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = name_of(&exchange.request())?;
    let visibility = shown(context, &visitor, &name)?;
    let reply = json!({ "access": visibility.as_str(), "publish_requires_tfa": false });
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// `POST /-/package/:@package/access` and `…/visibility`.
pub async fn set_access(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = name_of(&exchange.request())?;
    let body: AccessBody = read_json(exchange).await?;
    if body.publish_requires_tfa == Some(true) {
        return Err(Problem::new(
            400,
            "There is no second factor here that could be required.",
        ));
    }
    let public = body.public.map(|public| match public {
        true => Visibility::Public,
        false => Visibility::Restricted,
    });
    let told = body.access.as_deref().map(visibility_named);
    let unknown = || Problem::new(400, "Access is `public` or `restricted`.");
    let wanted = match (told, public) {
        (Some(named), _) => Some(named.ok_or_else(unknown)?),
        (None, public) => public,
    };
    if wanted.is_none() && body.publish_requires_tfa.is_none() {
        return Err(unknown());
    }
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _| {
        let visibility = wanted.unwrap_or(draft.package.access);
        draft.show_to(visibility);
        Ok(Told {
            actor,
            action: "package.access_changed",
            detail: json!({ "access": visibility.as_str() }),
        })
    };
    edit_package(context, writer, &name, edit).await?;
    exchange.reply().status(200).json(&json!({ "ok": true }));
    Ok(Sent)
}

/// `GET /-/package/:@package/collaborators`; with `user` that one alone. npm reads an object, as
/// its registry sends it. pnpm asks as npm once did and reads a list, which npm's registry has
/// never sent, so it is known by its name.
pub async fn collaborators(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let name = name_of(&request)?;
    let user = parameter(&request, "user")?;
    let client = request.header("user-agent").unwrap_or_default();
    let is_pnpm = client.starts_with(b"pnpm/") && parameter(&request, "format")?.is_some();
    shown(context, &visitor, &name)?;
    let mut listed = read(context, &name)?;
    let sight = Sight::of(&visitor, &listed);
    listed.retain(|one| user.as_ref().is_none_or(|user| one.name == *user));
    let reply = match is_pnpm {
        true => listed.iter().map(|one| entry(one, &sight)).collect(),
        false => keyed(listed),
    };
    let mut out = exchange.reply();
    out.status(200).header("Vary", "User-Agent").json(&reply);
    Ok(Sent)
}

/// `POST /-/package/:@package/collaborators`: what one account may do from then on. Somebody owns
/// the package afterwards.
pub async fn set_collaborator(
    context: &Context,
    writer: Writer,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let name = name_of(&exchange.request())?;
    let body: CollaboratorBody = read_json(exchange).await?;
    let permission = match body.permissions.as_deref() {
        None | Some("none") => None,
        Some(text) => {
            let unknown =
                || Problem::new(400, "Permissions are `read-only`, `read-write`, `none`.");
            Some(permission_named(text).ok_or_else(unknown)?)
        }
    };
    let find = |view: &View<'_>| accounts::sql::named(view, &body.user);
    let account = context.house.registry.read(find)?;
    let account = account.ok_or_else(|| Problem::new(404, "There is no such account."))?;
    let actor = writer.actor();
    let edit = move |draft: &mut Draft, _| {
        match permission {
            None => draft.withdraw(account.id),
            Some(permission) => draft.grant(Collaborator {
                account: account.id,
                name: account.name.clone(),
                email: account.email.clone(),
                permission,
            }),
        }
        if draft.owners().next().is_none() {
            return Err(ownerless());
        }
        Ok(Told {
            actor,
            action: "package.collaborator_changed",
            detail: json!({
                "account": account.id,
                "permission": permission.map(Permission::as_str),
            }),
        })
    };
    edit_package(context, writer, &name, edit).await?;
    let reply = keyed(read(context, &name)?);
    exchange.reply().status(200).json(&reply);
    Ok(Sent)
}

/// `GET /-/user/:user/package`: what an account may do, of the packages that the caller may read.
pub async fn packages_of(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    let user = exchange.request().parameter("user")?.into_owned();
    let listed = context.house.registry.read_heavy(move |view| {
        let Some(account) = accounts::sql::named(view, &user)? else {
            return Ok(None);
        };
        let mut listed = Map::new();
        for (name, permission) in packages::packages_of(view, account.id)? {
            if visitor.sees(view, &name)? {
                listed.insert(name.to_string(), Value::from(permission.as_str()));
            }
        }
        Ok(Some(listed))
    });
    let listed = listed.await?;
    let listed = listed.ok_or_else(|| Problem::new(404, "There is no such account."))?;
    exchange.reply().status(200).json(&listed);
    Ok(Sent)
}

/// What npm's own registry has and this one does not: organisations, teams, a list of everything,
/// staged publishing, and tokens for identities of others (OIDC).
pub async fn absent(_: &Context, _: Anyone, _: &mut Exchange<'_>) -> Result<Sent, Problem> {
    let detail = "This registry has no organisations, no teams, no list of all packages, no staged \
                  publishing and no trusted publishers.";
    Err(Problem::new(404, detail).code("not_supported"))
}

/// Who may read a package that the caller may read. What is not hosted here is public.
fn shown(context: &Context, visitor: &Visitor, name: &PackageName) -> Result<Visibility, Problem> {
    visitor.may_read(context, name)?;
    let look = |view: &View<'_>| packages::read(view, name);
    let package = context.house.registry.read(look)?;
    let is_there = |row: &PackageRow| uplinks::standing(context, row) != Standing::Absent;
    let package = package.filter(is_there);
    Ok(package.ok_or_else(|| not_found(name))?.access)
}

/// The first value of a parameter of the query.
fn parameter(request: &Request<'_>, wanted: &str) -> Result<Option<String>, Problem> {
    let mut values = request.query().filter_map(|pair| match pair {
        Ok((name, value)) => (name == wanted).then_some(Ok(value.to_string())),
        Err(problem) => Some(Err(problem)),
    });
    values.next().transpose()
}

fn read(context: &Context, name: &PackageName) -> Result<Vec<Collaborator>, Problem> {
    let read = |view: &View<'_>| match sql::package(view, name.as_str())? {
        Some(package) if package.origin == Origin::Hosted => {
            packages::collaborators(view, package.id)
        }
        Some(_) | None => Ok(Vec::new()),
    };
    Ok(context.house.registry.read(read)?)
}

fn keyed(collaborators: Vec<Collaborator>) -> Value {
    let pairs = collaborators.into_iter();
    pairs
        .map(|one| (one.name, Value::from(one.permission.as_str())))
        .collect::<Map<_, _>>()
        .into()
}

/// Whose addresses are seen, of those who may only read. The document tells everybody those of the
/// owners.
enum Sight {
    /// Who looks owns the package, or is staff.
    Everyones,
    /// The own one.
    Own(Id),
    /// Nobody's.
    Nobodys,
}

impl Sight {
    fn of(visitor: &Visitor, collaborators: &[Collaborator]) -> Sight {
        match visitor.caller() {
            Caller::Nobody => Sight::Nobodys,
            Caller::Staff(_) => Sight::Everyones,
            Caller::Account(holder) => {
                let is_owner = |one: &Collaborator| {
                    one.account == holder.id && one.permission == Permission::Write
                };
                match collaborators.iter().any(is_owner) {
                    true => Sight::Everyones,
                    false => Sight::Own(holder.id),
                }
            }
        }
    }
}

/// In the words that pnpm shows as they are; an address that is not told is empty.
fn entry(one: &Collaborator, sight: &Sight) -> Value {
    let (permissions, is_seen) = match (one.permission, sight) {
        (Permission::Write, _) => ("read-write", true),
        (Permission::Read, Sight::Everyones) => ("read-only", true),
        (Permission::Read, Sight::Own(account)) => ("read-only", one.account == *account),
        (Permission::Read, Sight::Nobodys) => ("read-only", false),
    };
    let email = if is_seen { &*one.email } else { "" };
    json!({ "user": one.name, "email": email, "permissions": permissions })
}

async fn edit_package(
    context: &Context,
    writer: Writer,
    name: &PackageName,
    edit: impl FnOnce(&mut Draft, i64) -> Result<Told, Problem>,
) -> Result<(), Problem> {
    // Who may not is told so before others wait for the turn.
    context
        .house
        .registry
        .read(|view| Ok(writer.may_edit(view, name)))??;
    let named = name.clone();
    let check = move |view: &View<'_>| writer.may_edit(view, &named).map(|_| ());
    let changed = change::run(context, name, Missing::IsRefused, Vec::new(), check, edit);
    changed.await.map(|_| ())
}
