//! What setting another password takes.

use super::super::fields::{Email, NewPassword};
use crate::json::Text;

crate::shape! {
    /// What `POST /api/v1/auth/forgot-password` takes.
    pub struct ForgotPassword reads {
        pub email: Email,
    }
}

crate::shape! {
    /// What `POST /api/v1/auth/reset-password` takes.
    pub struct ResetPassword reads {
        /// From the link in the letter.
        pub token: Text<1, 100>,
        pub password: NewPassword,
    }
}

crate::shape! {
    /// Says what was done, or not: the same for every address.
    pub struct Forgotten writes {
        pub detail: &'static str,
    }
}
