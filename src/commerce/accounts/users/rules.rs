//! What a user is, and what may be changed of one by whom.

use super::super::fields::{Email, Phone};
use crate::auth::Role;
use crate::id::Id;
use crate::json::{Change, Line, Time};

crate::shape! {
    /// A user; nobody ever sees a password or its hash.
    pub struct User writes {
        pub id: Id,
        pub version: i64,
        pub email: String,
        pub name: String,
        pub role: Role,
        /// Whether the address was shown to be theirs.
        pub email_verified: bool,
        pub phone: Option<String>,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// What `PUT /api/v1/users/:id` takes; what is absent stays as it is.
    pub struct UpdateUser reads {
        /// Another address has to be verified again.
        pub email: Option<Email>,
        pub name: Option<Line<1, 100>>,
        pub phone: Change<Phone>,
        /// Staff only.
        pub role: Option<Role>,
    }
}

impl User {
    /// The name for a letter, once the address was shown to be theirs.
    pub fn name_in_letters(&self) -> Option<&str> {
        self.email_verified.then_some(&*self.name)
    }
}

/// Who changes a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The user.
    Oneself,
    /// Somebody of the staff; perhaps the user as well.
    Staff,
}

/// What an update comes to.
#[derive(Clone, Debug)]
pub struct Updated {
    /// The user afterwards, of the version before.
    pub user: User,
    /// Whether the address is another one, not only in its letters' case.
    pub email: Moved,
    /// Whether the role is another one.
    pub role: Moved,
}

/// Whether something is different afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is.
    Yes,
    /// It is not.
    No,
}

impl From<bool> for Moved {
    fn from(is_different: bool) -> Moved {
        if is_different { Moved::Yes } else { Moved::No }
    }
}

/// A change that is not allowed to who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleIsForStaff;

/// The user after an update.
pub fn updated(
    mut user: User,
    update: UpdateUser,
    by: Standing,
) -> Result<Updated, RoleIsForStaff> {
    let role = update.role.unwrap_or(user.role);
    let role_moved = Moved::from(role != user.role);
    if role_moved == Moved::Yes && by != Standing::Staff {
        return Err(RoleIsForStaff);
    }
    user.role = role;
    let mut email_moved = Moved::No;
    if let Some(email) = update.email {
        email_moved = Moved::from(email.key() != user.email.to_ascii_lowercase());
        if email_moved == Moved::Yes {
            user.email_verified = false;
        }
        user.email = email.to_string();
    }
    if let Some(name) = update.name {
        user.name = name.into_string();
    }
    user.phone = update.phone.map(Phone::into_string).over(user.phone);
    Ok(Updated {
        user,
        email: email_moved,
        role: role_moved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read_body;

    fn user() -> User {
        User {
            id: Id::of(1, [0; 10]),
            version: 3,
            email: "Ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            role: Role::Customer,
            email_verified: true,
            phone: Some("12345".to_owned()),
            created_at: Time(1),
            updated_at: Time(2),
        }
    }

    fn update(text: &str) -> UpdateUser {
        read_body(&mut text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_is_absent_stays() {
        let after = updated(user(), update("{}"), Standing::Oneself).unwrap();
        assert_eq!(format!("{:?}", after.user), format!("{:?}", user()));
        assert_eq!((after.email, after.role), (Moved::No, Moved::No));
    }

    #[test]
    fn another_address_is_not_verified_and_another_case_of_it_is() {
        let text = r#"{"email": "ada@EXAMPLE.com", "phone": null, "name": "Ada L."}"#;
        let after = updated(user(), update(text), Standing::Oneself).unwrap();
        assert_eq!(after.email, Moved::No);
        assert!(after.user.email_verified && after.user.email == "ada@EXAMPLE.com");
        assert_eq!((after.user.phone, &*after.user.name), (None, "Ada L."));
        let text = r#"{"email": "eve@example.com"}"#;
        let after = updated(user(), update(text), Standing::Staff).unwrap();
        assert_eq!(after.email, Moved::Yes);
        assert!(!after.user.email_verified);
    }

    #[test]
    fn staff_gives_roles_and_nobody_themselves() {
        let table = [
            ("admin", Standing::Oneself, Err(RoleIsForStaff)),
            ("customer", Standing::Oneself, Ok(Moved::No)),
            ("admin", Standing::Staff, Ok(Moved::Yes)),
            ("customer", Standing::Staff, Ok(Moved::No)),
        ];
        for (role, by, expected) in table {
            let text = format!(r#"{{"role": "{role}"}}"#);
            let after = updated(user(), update(&text), by).map(|after| after.role);
            assert_eq!(after, expected, "{role} {by:?}");
        }
    }
}
