//! Staff and vendors as the catalogue's commands see them.

use serde_json::json;

use crate::auth::Role;
use crate::auth::principal::{Admin, Seller};
use crate::commerce::audit::{self, Actor, Entry};
use crate::id::Id;
use crate::store::{SqlFault, Tx};

/// Staff as a seller: whose products they change does not matter.
pub fn seller(admin: Admin) -> Seller {
    Seller {
        id: admin.id,
        role: Role::Admin,
        session: admin.session,
    }
}

/// Notes in the audit log what somebody did to something of the catalogue.
pub fn note(
    tx: &mut Tx<'_>,
    by: Seller,
    action: &'static str,
    (kind, id): (&'static str, Id),
) -> Result<(), SqlFault> {
    let actor = match by.role {
        Role::Admin => Actor::Staff(by.id),
        Role::Vendor | Role::Customer => Actor::User(by.id),
    };
    let entry = Entry {
        actor,
        action,
        subject: (kind, &id.text()),
        detail: json!({}),
    };
    audit::append(tx, &entry)
}
