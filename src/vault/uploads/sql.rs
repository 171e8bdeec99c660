//! Uploads in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

/// An upload that was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: Id,
    /// Who asked for it.
    pub owner_id: Id,
    /// What the file was called there.
    pub filename: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256 in hex; of one that has not come, where it was said.
    pub sha256: Option<String>,
    /// When it was asked for, in unix milliseconds.
    pub issued_at: i64,
    /// Until when it may come.
    pub expires_at: i64,
    /// When it came.
    pub stored_at: Option<i64>,
}

/// The upload of an id.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<Upload>, SqlFault> {
    view.one(READ, &[&id], upload)
}

/// Notes what was promised.
pub fn insert(tx: &mut Tx<'_>, upload: &Upload) -> Result<(), SqlFault> {
    tx.run(
        INSERT,
        &[
            &upload.id,
            &upload.owner_id,
            &upload.filename,
            &upload.content_type,
            &upload.size_bytes,
            &upload.sha256,
            &upload.issued_at,
            &upload.expires_at,
        ],
    )?;
    Ok(())
}

/// Notes that the file is in its place; tells whether it was still awaited.
pub fn mark_stored(tx: &mut Tx<'_>, id: Id, sha256: &str) -> Result<bool, SqlFault> {
    let now_ms = tx.now_ms();
    let changed = tx.run(MARK_STORED, &[&id, &sha256, &now_ms])?;
    Ok(changed == 1)
}

/// Forgets what was promised until before `moment` and never came; tells what that was.
pub fn forget_unused(tx: &mut Tx<'_>, moment: i64) -> Result<Vec<Id>, SqlFault> {
    tx.all(FORGET_UNUSED, &[&moment], |row| row.get(0))
}

fn upload(row: &Row<'_>) -> Result<Upload, SqlFault> {
    Ok(Upload {
        id: row.get(0)?,
        owner_id: row.get(1)?,
        filename: row.get(2)?,
        content_type: row.get(3)?,
        size_bytes: row.get(4)?,
        sha256: row.get(5)?,
        issued_at: row.get(6)?,
        expires_at: row.get(7)?,
        stored_at: row.get(8)?,
    })
}

const READ: &str = "SELECT id, owner_id, filename, content_type, size_bytes, sha256, issued_at, \
     expires_at, stored_at FROM uploads WHERE id = ?1";
const INSERT: &str = "INSERT INTO uploads (id, owner_id, filename, content_type, size_bytes, \
     sha256, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const MARK_STORED: &str =
    "UPDATE uploads SET stored_at = ?3, sha256 = ?2 WHERE id = ?1 AND stored_at IS NULL";
const FORGET_UNUSED: &str =
    "DELETE FROM uploads WHERE stored_at IS NULL AND expires_at < ?1 RETURNING id";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("uploads::READ", READ),
    ("uploads::INSERT", INSERT),
    ("uploads::MARK_STORED", MARK_STORED),
    ("uploads::FORGET_UNUSED", FORGET_UNUSED),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commerce::schema::DEFINITION;
    use crate::store::{Folder, Options, open};

    #[test]
    fn what_never_came_is_forgotten_and_what_came_stays() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let promised = |number: u64, expires_at: i64| Upload {
            id: Id::of(number, [1; 10]),
            owner_id: Id::of(9, [9; 10]),
            filename: None,
            content_type: "image/png".to_owned(),
            size_bytes: 1,
            sha256: None,
            issued_at: 0,
            expires_at,
            stored_at: None,
        };
        let uploads = [promised(1, 10), promised(2, 10), promised(3, 30)];
        let ids = uploads.clone().map(|upload| upload.id);
        let written = store.write_blocking(move |tx| {
            uploads.iter().try_for_each(|upload| insert(tx, upload))?;
            assert!(mark_stored(tx, ids[1], "00")?);
            assert!(!mark_stored(tx, ids[1], "11")?, "a URL is good once");
            forget_unused(tx, 20)
        });
        let forgotten: Result<Vec<Id>, SqlFault> = written.unwrap();
        assert_eq!(forgotten.unwrap(), [ids[0]]);
        let left = ids.map(|id| store.read(|view| read(view, id)).unwrap().is_some());
        assert_eq!(left, [false, true, true]);
        let late = store.write_blocking(move |tx| mark_stored(tx, ids[0], "00"));
        assert_eq!(late, Ok(Ok::<_, SqlFault>(false)));
    }
}
