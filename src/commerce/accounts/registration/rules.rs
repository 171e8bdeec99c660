//! What registering takes.

use super::super::fields::{Email, NewPassword};
use crate::json::{Line, Text};

crate::shape! {
    /// What `POST /api/v1/auth/register` takes.
    pub struct Register reads {
        pub email: Email,
        pub password: NewPassword,
        pub name: Line<1, 100>,
    }
}

crate::shape! {
    /// What `POST /api/v1/auth/verify-email` takes.
    pub struct VerifyEmail reads {
        /// From the link in the letter.
        pub token: Text<1, 100>,
    }
}
