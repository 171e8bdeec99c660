//! Who calls, as values that a handler takes and that nobody else can make.

use std::sync::Arc;

use super::super::name::PackageName;
use super::super::packages;
use super::super::packages::rows::{Permission, Visibility};
use super::super::tokens::rules::Access as TokenAccess;
use super::super::topics;
use super::super::wording::not_found;
use super::credentials::{self, Caller, Holder, unauthenticated};
use super::rules::{self, Reading, Standing, Writing};
use super::sql::{self, Origin, Package};
use crate::audit::Actor;
use crate::auth::principal::Admin;
use crate::context::Context;
use crate::http::{Access, Admission, Guard, Problem, Request};
use crate::id::Id;
use crate::settings::{Anonymous, Names, Settings};
use crate::store::{SqlFault, StoreFault, View};

/// Everyone who reaches the door; a credential that is not good is refused all the same.
#[derive(Clone, Debug)]
pub struct Visitor {
    caller: Caller,
    settings: Arc<Settings>,
}

/// Who shows a good credential.
#[derive(Clone, Debug)]
pub struct Member {
    visitor: Visitor,
}

/// Who shows a credential that may change things.
#[derive(Clone, Debug)]
pub struct Writer {
    visitor: Visitor,
}

/// Staff of the shop.
#[derive(Clone, Copy, Debug)]
pub struct Administrator {
    /// Who.
    pub id: Id,
}

impl Admission<Context> for Visitor {
    const ACCESS: Access = Access::Anyone;

    async fn enter(context: &Context, request: &Request<'_>) -> Result<Visitor, Problem> {
        let caller = credentials::caller(context, request).await?;
        Ok(Visitor::new(context, caller))
    }

    fn proves(&self) -> bool {
        self.caller.standing() != Standing::Nobody
    }
}

impl Admission<Context> for Member {
    const ACCESS: Access = Access::User;

    async fn enter(context: &Context, request: &Request<'_>) -> Result<Member, Problem> {
        let visitor = Visitor::enter(context, request).await?;
        match visitor.caller.standing() {
            Standing::Nobody => Err(unauthenticated()),
            Standing::Account | Standing::Administrator => Ok(Member { visitor }),
        }
    }

    fn proves(&self) -> bool {
        true
    }
}

impl Admission<Context> for Writer {
    const ACCESS: Access = Access::User;

    async fn enter(context: &Context, request: &Request<'_>) -> Result<Writer, Problem> {
        let Member { visitor } = Member::enter(context, request).await?;
        let access = visitor.caller.account().map(Holder::access);
        match access {
            Some(TokenAccess::Read) => {
                let detail = "This token may only read.";
                Err(Problem::new(403, detail).code("read_only_token"))
            }
            Some(TokenAccess::Write) | None => Ok(Writer { visitor }),
        }
    }

    fn proves(&self) -> bool {
        true
    }
}

impl Admission<Context> for Administrator {
    const ACCESS: Access = Access::Admin;

    async fn enter(context: &Context, request: &Request<'_>) -> Result<Administrator, Problem> {
        // A browser shows the cookies of its session, which the shop's guard knows.
        if request.header("authorization").is_none() {
            let admin = Admin::admit(context, request)?;
            return Ok(Administrator { id: admin.id });
        }
        match credentials::caller(context, request).await? {
            Caller::Staff(id) => Ok(Administrator { id }),
            Caller::Account(_) => Err(Problem::new(403, "This is for the shop's staff.")),
            Caller::Nobody => Err(unauthenticated()),
        }
    }

    fn proves(&self) -> bool {
        true
    }
}

impl Visitor {
    /// Who calls, where that takes no waiting: for a look at what can be answered at once. `None`
    /// where the guard has to wait for a password's check.
    ///
    /// # Errors
    /// As the guard.
    pub fn at_once(context: &Context, request: &Request<'_>) -> Result<Option<Visitor>, Problem> {
        let caller = credentials::known(context, request)?;
        Ok(caller.map(|caller| Visitor::new(context, caller)))
    }

    fn new(context: &Context, caller: Caller) -> Visitor {
        let settings = context.settings.borrow().clone();
        Visitor { caller, settings }
    }

    /// Whether it is somebody, so that the reply is for the caller alone.
    pub fn is_somebody(&self) -> bool {
        self.caller.standing() != Standing::Nobody
    }

    /// Who it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether this may be read: 401 where a credential could help whether or not the package is
    /// there, 404 where the package is restricted. A name that nothing has here may be read, since
    /// an upstream may have it.
    ///
    /// # Errors
    /// Why not.
    pub fn may_read(&self, context: &Context, name: &PackageName) -> Result<(), Problem> {
        let standing = self.caller.standing();
        refused(rules::may_ask(&self.settings.access, standing, name), name)?;
        let (store, memory) = (&context.house.registry, &context.registry_access);
        // Before the look: what is changed after it moves the generation on.
        let generation = store.generation(topics::package(name));
        let package = match memory.package(name, generation) {
            Some(package) => package,
            None => {
                let package = store.read(|view| sql::package(view, name.as_str()))?;
                memory.remember_package(name, generation, package);
                package
            }
        };
        match package {
            None => Ok(()),
            Some(package) if package.visibility == Visibility::Public => Ok(()),
            Some(package) => {
                let permission = |view: &View<'_>| self.permission(view, package);
                let permission = store.read(permission)?;
                let reading = rules::may_read(standing, package.visibility, permission);
                refused(reading, name)
            }
        }
    }

    /// Whether everybody may ask for a name, without a credential.
    pub fn is_open(&self, name: &PackageName) -> bool {
        let reading = rules::may_ask(&self.settings.access, Standing::Nobody, name);
        matches!(reading, Reading::Allowed)
    }

    /// Whether lists of packages may be read at all; what is in them is for [`Visitor::sees`].
    ///
    /// # Errors
    /// 401 where that takes a credential.
    pub fn may_list(&self) -> Result<(), Problem> {
        let is_anonymous = self.caller.standing() == Standing::Nobody;
        match self.settings.access.anonymous {
            Anonymous::None if is_anonymous => Err(unauthenticated()),
            Anonymous::None | Anonymous::Read => Ok(()),
        }
    }

    /// As [`Visitor::may_read`], for many names at once on one view: lists leave out what may not
    /// be read.
    ///
    /// # Errors
    /// What the store says.
    pub fn sees(&self, view: &View<'_>, name: &PackageName) -> Result<bool, SqlFault> {
        let standing = self.caller.standing();
        if rules::may_ask(&self.settings.access, standing, name) != Reading::Allowed {
            return Ok(false);
        }
        let Some(package) = sql::package(view, name.as_str())? else {
            return Ok(true);
        };
        let permission = match package.visibility {
            Visibility::Public => None,
            Visibility::Restricted => self.permission(view, package)?,
        };
        let reading = rules::may_read(standing, package.visibility, permission);
        Ok(reading == Reading::Allowed)
    }

    fn permission(
        &self,
        view: &View<'_>,
        package: Package,
    ) -> Result<Option<Permission>, SqlFault> {
        match self.caller.account() {
            Some(holder) => packages::sql::permission_of(view, package.id, holder.id),
            None => Ok(None),
        }
    }
}

impl Member {
    /// Who it is, without the certainty that it is somebody.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// The account; 403 for staff, who has none here.
    ///
    /// # Errors
    /// That it is staff.
    pub fn account(&self) -> Result<&Holder, Problem> {
        let account = self.visitor.caller.account();
        account.ok_or_else(|| Problem::new(403, "The shop's staff has no account here."))
    }

    /// The name that `npm whoami` shows.
    pub fn name(&self) -> &str {
        self.visitor
            .caller
            .account()
            .map_or(STAFF, |holder| &holder.name)
    }
}

impl Writer {
    /// Who it is, for what may be read.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// The account: the owner of what it makes. Staff has none.
    pub fn account(&self) -> Option<Id> {
        self.visitor.caller.account().map(|holder| holder.id)
    }

    /// The name that stands beside what was published.
    pub fn name(&self) -> &str {
        self.visitor
            .caller
            .account()
            .map_or(STAFF, |holder| &holder.name)
    }

    /// As the audit log names it.
    pub fn actor(&self) -> Actor {
        self.visitor.caller.actor()
    }

    /// Whether a version may be published under this name: 403 where others own the package, or
    /// where nobody but staff makes packages in its scope. What is kept of an upstream's package
    /// makes nobody its owner; whether its name is free is for [`Writer::may_take_over`] and
    /// whoever asks the upstream.
    ///
    /// # Errors
    /// Why not.
    pub fn may_publish(&self, view: &View<'_>, name: &PackageName) -> Result<(), Problem> {
        let package = sql::package(view, name.as_str()).map_err(StoreFault::from)?;
        match package {
            Some(package) if package.origin == Origin::Hosted => {
                self.may_change(view, package, name)
            }
            Some(_) | None => {
                let settings = &self.visitor.settings.access;
                let standing = self.visitor.caller.standing();
                barred(rules::may_create(settings, standing, name), name)?;
                named_for_new(settings.names, name)
            }
        }
    }

    /// Whether a package may be made under a name that an upstream has: by staff everywhere, by
    /// accounts in scopes that the settings name as the operator's own.
    pub fn may_take_over(&self, name: &PackageName) -> bool {
        let settings = &self.visitor.settings.access;
        rules::may_take_over(settings, self.visitor.caller.standing(), name)
    }

    /// Whether the package of a name may be changed: 404 where none is hosted here, or where it is
    /// hidden from the caller.
    ///
    /// # Errors
    /// Why not.
    pub fn may_edit(&self, view: &View<'_>, name: &PackageName) -> Result<Package, Problem> {
        let package = sql::package(view, name.as_str()).map_err(StoreFault::from)?;
        let package = package.filter(|package| package.origin == Origin::Hosted);
        let package = package.ok_or_else(|| not_found(name))?;
        let is_seen = self.visitor.sees(view, name).map_err(StoreFault::from)?;
        if !is_seen {
            return Err(not_found(name));
        }
        self.may_change(view, package, name)?;
        Ok(package)
    }

    fn may_change(
        &self,
        view: &View<'_>,
        package: Package,
        name: &PackageName,
    ) -> Result<(), Problem> {
        let permission = self.visitor.permission(view, package);
        let permission = permission.map_err(StoreFault::from)?;
        let standing = self.visitor.caller.standing();
        barred(rules::may_change(standing, permission), name)
    }
}

fn refused(reading: Reading, name: &PackageName) -> Result<(), Problem> {
    match reading {
        Reading::Allowed => Ok(()),
        Reading::SignIn => Err(unauthenticated()),
        Reading::Hidden => Err(not_found(name)),
    }
}

/// Whether a package may be made under a name that packages have from before.
fn named_for_new(names: Names, name: &PackageName) -> Result<(), Problem> {
    match (names, name.strictness()) {
        (Names::Old, _) | (Names::New, None) => Ok(()),
        (Names::New, Some(fault)) => {
            let detail = format!("`{name}` is no name of a package: {fault}.");
            Err(Problem::new(400, detail).code("invalid_name"))
        }
    }
}

fn barred(writing: Writing, name: &PackageName) -> Result<(), Problem> {
    let forbidden = |detail: String| Err(Problem::new(403, detail));
    match writing {
        Writing::Allowed => Ok(()),
        Writing::SignIn => Err(unauthenticated()),
        Writing::NotOwner => forbidden(format!(
            "You do not have permission to publish \"{name}\". Are you logged in as the correct \
             user?"
        )),
        Writing::ScopeClosed => forbidden(format!(
            "You do not have permission to make \"{name}\": only the shop's staff makes packages \
             in this scope."
        )),
    }
}

/// What stands for staff where a name is shown; no account has it, for its capital.
const STAFF: &str = "Staff";
