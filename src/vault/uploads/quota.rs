//! How much an owner may ask for and keep.

use crate::auth::Role;
use crate::http::Problem;
use crate::limits::{
    ADMIN_UPLOADS_AWAITED_MAX, ADMIN_UPLOADS_BYTES_MAX, ADMIN_UPLOADS_MAX,
    VENDOR_UPLOADS_AWAITED_MAX, VENDOR_UPLOADS_BYTES_MAX, VENDOR_UPLOADS_MAX,
};
use crate::store::{SqlFault, StoreFault, Tx};

use super::sql::{self, Totals, Upload};

/// The bounds of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    awaited_max: u64,
    files_max: u64,
    bytes_max: u64,
}

/// Why an upload is not promised, in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromiseFault {
    /// The owner keeps as much as it may.
    Full(Quota),
    /// So many files were promised and have not come.
    Awaited(u64),
    /// The store failed.
    Sql(SqlFault),
}

impl From<SqlFault> for PromiseFault {
    fn from(fault: SqlFault) -> PromiseFault {
        PromiseFault::Sql(fault)
    }
}

impl From<PromiseFault> for Problem {
    fn from(fault: PromiseFault) -> Problem {
        match fault {
            PromiseFault::Full(quota) => {
                let (files, gib) = (quota.files_max, quota.bytes_max >> 30);
                let detail = format!("You may keep {files} files of {gib} GiB together.");
                Problem::new(409, detail).code("upload_quota")
            }
            PromiseFault::Awaited(count) => {
                let detail = format!("{count} files were promised and have not come.");
                Problem::new(429, detail)
                    .code("uploads_awaited")
                    .header("Retry-After", RETRY_SECONDS)
            }
            PromiseFault::Sql(fault) => StoreFault::from(fault).into(),
        }
    }
}

impl Quota {
    /// The bounds of an owner with a role; customers upload nothing.
    pub fn of(role: Role) -> Quota {
        match role {
            Role::Admin => Quota {
                awaited_max: ADMIN_UPLOADS_AWAITED_MAX,
                files_max: ADMIN_UPLOADS_MAX,
                bytes_max: ADMIN_UPLOADS_BYTES_MAX,
            },
            Role::Vendor => Quota {
                awaited_max: VENDOR_UPLOADS_AWAITED_MAX,
                files_max: VENDOR_UPLOADS_MAX,
                bytes_max: VENDOR_UPLOADS_BYTES_MAX,
            },
            Role::Customer => Quota {
                awaited_max: 0,
                files_max: 0,
                bytes_max: 0,
            },
        }
    }

    fn check(self, totals: Totals, size_bytes: u64) -> Result<(), PromiseFault> {
        let has_room = totals.files < self.files_max && totals.bytes + size_bytes <= self.bytes_max;
        if !has_room {
            return Err(PromiseFault::Full(self));
        }
        if totals.awaited >= self.awaited_max {
            return Err(PromiseFault::Awaited(totals.awaited));
        }
        Ok(())
    }
}

/// Promises a place to a file, where the owner has room for it. What was promised counts like
/// what came, so that all of it may come.
///
/// # Errors
/// There is no room; the store failed.
pub fn promise(tx: &mut Tx<'_>, upload: &Upload, quota: Quota) -> Result<(), PromiseFault> {
    let totals = sql::totals(tx, upload.owner_id, upload.issued_at)?;
    quota.check(totals, upload.size_bytes.unsigned_abs())?;
    Ok(sql::insert(tx, upload)?)
}

/// When one whose files do not come may ask again.
const RETRY_SECONDS: &str = "60";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_fits_what_may_be_kept() {
        let quota = Quota {
            awaited_max: 2,
            files_max: 5,
            bytes_max: 100,
        };
        let check = |awaited, files, bytes, size_bytes| {
            let totals = Totals {
                awaited,
                files,
                bytes,
            };
            quota.check(totals, size_bytes)
        };
        assert_eq!(check(1, 4, 90, 10), Ok(()));
        assert_eq!(check(0, 4, 90, 11), Err(PromiseFault::Full(quota)));
        assert_eq!(check(0, 5, 0, 1), Err(PromiseFault::Full(quota)));
        assert_eq!(check(2, 4, 0, 1), Err(PromiseFault::Awaited(2)));
        let problem = Problem::from(PromiseFault::Full(Quota::of(Role::Vendor)));
        assert_eq!((problem.status, problem.code), (409, "upload_quota"));
    }
}
