//! What a user may do.

crate::choice! {
    /// A user's role; each has one.
    pub enum Role {
        /// Buys.
        Customer = "customer",
        /// Sells what is its own.
        Vendor = "vendor",
        /// Staff: runs the shop.
        Admin = "admin",
    }
}
