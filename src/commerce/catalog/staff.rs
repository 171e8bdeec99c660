//! Staff and vendors as the catalogue's commands see them.

use serde_json::Value;

use crate::auth::principal::{Admin, Role, Seller};
use crate::commerce::audit::{Actor, Entry};
use crate::id::Id;

/// Staff as a seller: whose products they change does not matter.
pub fn seller(admin: Admin) -> Seller {
    Seller {
        id: admin.id,
        role: Role::Admin,
        session: admin.session,
    }
}

/// Who did something.
pub fn actor(seller: Seller) -> Actor {
    match seller.role {
        Role::Admin => Actor::Staff(seller.id),
        Role::Vendor | Role::Customer => Actor::User(seller.id),
    }
}
