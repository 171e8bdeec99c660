//! Staff and vendors as the catalogue's commands see them.

use serde_json::{Map, Value};

use crate::audit::{self, Actor, Entry};
use crate::auth::Role;
use crate::auth::principal::{Admin, Seller};
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

/// A seller as the audit log names it.
pub fn actor(by: Seller) -> Actor {
    match by.role {
        Role::Admin => Actor::Staff(by.id),
        Role::Vendor | Role::Customer => Actor::User(by.id),
    }
}

/// Notes in the audit log what somebody did to something of the catalogue.
pub fn note(
    tx: &mut Tx<'_>,
    actor: Actor,
    action: &'static str,
    (kind, id): (&'static str, Id),
    detail: Value,
) -> Result<(), SqlFault> {
    let entry = Entry {
        actor,
        action,
        subject: (kind, &id.text()),
        detail,
    };
    audit::append(tx, &entry)
}

/// The particulars of a change: what each field that is not the same was and is.
pub fn changes(fields: impl IntoIterator<Item = (&'static str, Value, Value)>) -> Value {
    let fields = fields
        .into_iter()
        .filter(|(_, before, after)| before != after);
    let pair = |(name, before, after)| (str::to_owned(name), Value::from(vec![before, after]));
    Value::Object(fields.map(pair).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_the_same_is_no_change() {
        let fields = [
            ("name", json!("a"), json!("a")),
            ("price_amount", json!(1), json!(2)),
            ("vendor_id", json!(null), json!("v")),
        ];
        let expected = json!({ "price_amount": [1, 2], "vendor_id": [null, "v"] });
        assert_eq!(changes(fields), expected);
        assert_eq!(changes([]), json!({}));
    }
}
