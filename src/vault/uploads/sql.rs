//! Uploads in the store.

use crate::id::Id;
use crate::store::{Row, SqlFault, Tx, View};

use super::rules::ids_in;

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

/// What an owner has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Files that may still come.
    pub awaited: u64,
    /// Files, those among them.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The upload of an id.
pub fn read(view: &View<'_>, id: Id) -> Result<Option<Upload>, SqlFault> {
    view.one(READ, &[&id], upload)
}

/// What an owner has: the files that are awaited at a moment, all files and their bytes.
pub fn totals(view: &View<'_>, owner_id: Id, moment: i64) -> Result<Totals, SqlFault> {
    let number = |row: &Row<'_>, column| row.get::<i64>(column).map(i64::unsigned_abs);
    let awaited = view.one(AWAITED, &[&owner_id, &moment], |row| number(row, 0))?;
    let all = view.one(TOTALS, &[&owner_id], |row| {
        Ok((number(row, 0)?, number(row, 1)?))
    })?;
    let (files, bytes) = all.unwrap_or_default();
    Ok(Totals {
        awaited: awaited.unwrap_or_default(),
        files,
        bytes,
    })
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
    tx.run(COUNT_ONE_MORE, &[&upload.owner_id, &upload.size_bytes])?;
    Ok(())
}

/// Notes that the file is in its place; tells whether it was still awaited.
pub fn mark_stored(tx: &mut Tx<'_>, id: Id, sha256: &str) -> Result<bool, SqlFault> {
    let now_ms = tx.now_ms();
    let changed = tx.run(MARK_STORED, &[&id, &sha256, &now_ms])?;
    Ok(changed == 1)
}

/// Forgets at most `count` uploads that were promised until before `moment` and never came; tells
/// which.
pub fn forget_late(tx: &mut Tx<'_>, moment: i64, count: i64) -> Result<Vec<Id>, SqlFault> {
    let late = tx.all(LATE, &[&moment, &count], |row| row.get(0))?;
    forget(tx, late)
}

/// Forgets at most `count` files that nothing has named since before `moment`; tells which.
pub fn forget_unnamed(tx: &mut Tx<'_>, moment: i64, count: i64) -> Result<Vec<Id>, SqlFault> {
    let unnamed = tx.all(UNNAMED, &[&moment, &count], |row| row.get(0))?;
    forget(tx, unnamed)
}

fn forget(tx: &mut Tx<'_>, ids: Vec<Id>) -> Result<Vec<Id>, SqlFault> {
    for id in &ids {
        tx.run(REMOVE_USES, &[id])?;
        let owner = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?));
        if let Some((owner_id, size_bytes)) = tx.one(FORGET, &[id], owner)? {
            tx.run(COUNT_ONE_LESS, &[&owner_id, &size_bytes])?;
        }
    }
    Ok(ids)
}

/// Notes that a product, category or variant names the uploads in these texts, and no others. A
/// deleted one names none.
pub fn hold(tx: &mut Tx<'_>, holder_id: Id, texts: &[&str]) -> Result<(), SqlFault> {
    let mut named: Vec<Id> = texts.iter().flat_map(|text| ids_in(text)).collect();
    named.sort_unstable();
    named.dedup();
    let before: Vec<Id> = tx.all(HELD, &[&holder_id], |row| row.get(0))?;
    for id in named.iter().filter(|id| !before.contains(id)) {
        tx.run(ADD_USE, &[&holder_id, id])?;
        tx.run(MARK_USED, &[id])?;
    }
    let now_ms = tx.now_ms();
    for id in before.iter().filter(|id| !named.contains(id)) {
        tx.run(REMOVE_USE, &[&holder_id, id])?;
        tx.run(MARK_UNUSED, &[id, &now_ms])?;
    }
    Ok(())
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
const MARK_STORED: &str = "UPDATE uploads SET stored_at = ?3, sha256 = ?2, unused_since = \
     CASE WHEN EXISTS (SELECT 1 FROM upload_uses WHERE upload_id = ?1) THEN NULL ELSE ?3 END \
     WHERE id = ?1 AND stored_at IS NULL";
const LATE: &str = "SELECT id FROM uploads WHERE stored_at IS NULL AND expires_at < ?1 LIMIT ?2";
const UNNAMED: &str = "SELECT id FROM uploads WHERE unused_since IS NOT NULL \
     AND unused_since < ?1 LIMIT ?2";
const FORGET: &str = "DELETE FROM uploads WHERE id = ?1 RETURNING owner_id, size_bytes";
const AWAITED: &str = "SELECT COUNT(*) FROM uploads \
     WHERE stored_at IS NULL AND owner_id = ?1 AND expires_at >= ?2";
const TOTALS: &str = "SELECT files, bytes FROM upload_totals WHERE owner_id = ?1";
const COUNT_ONE_MORE: &str = "INSERT INTO upload_totals (owner_id, files, bytes) \
     VALUES (?1, 1, ?2) ON CONFLICT (owner_id) DO UPDATE \
     SET files = upload_totals.files + 1, bytes = upload_totals.bytes + excluded.bytes";
const COUNT_ONE_LESS: &str =
    "UPDATE upload_totals SET files = files - 1, bytes = bytes - ?2 WHERE owner_id = ?1";
const HELD: &str = "SELECT upload_id FROM upload_uses WHERE holder_id = ?1";
// What is no upload is not held.
const ADD_USE: &str = "INSERT INTO upload_uses (holder_id, upload_id) \
     SELECT ?1, id FROM uploads WHERE id = ?2";
const REMOVE_USE: &str = "DELETE FROM upload_uses WHERE holder_id = ?1 AND upload_id = ?2";
const REMOVE_USES: &str = "DELETE FROM upload_uses WHERE upload_id = ?1";
const MARK_USED: &str = "UPDATE uploads SET unused_since = NULL WHERE id = ?1";
const MARK_UNUSED: &str = "UPDATE uploads SET unused_since = ?2 \
     WHERE id = ?1 AND stored_at IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM upload_uses WHERE upload_id = ?1)";

/// Every statement of this file.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("uploads::READ", READ),
    ("uploads::INSERT", INSERT),
    ("uploads::MARK_STORED", MARK_STORED),
    ("uploads::LATE", LATE),
    ("uploads::UNNAMED", UNNAMED),
    ("uploads::FORGET", FORGET),
    ("uploads::AWAITED", AWAITED),
    ("uploads::TOTALS", TOTALS),
    ("uploads::COUNT_ONE_MORE", COUNT_ONE_MORE),
    ("uploads::COUNT_ONE_LESS", COUNT_ONE_LESS),
    ("uploads::HELD", HELD),
    ("uploads::ADD_USE", ADD_USE),
    ("uploads::REMOVE_USE", REMOVE_USE),
    ("uploads::REMOVE_USES", REMOVE_USES),
    ("uploads::MARK_USED", MARK_USED),
    ("uploads::MARK_UNUSED", MARK_UNUSED),
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
            forget_late(tx, 20, 10)
        });
        let forgotten: Result<Vec<Id>, SqlFault> = written.unwrap();
        assert_eq!(forgotten.unwrap(), [ids[0]]);
        let left = ids.map(|id| store.read(|view| read(view, id)).unwrap().is_some());
        assert_eq!(left, [false, true, true]);
        let late = store.write_blocking(move |tx| mark_stored(tx, ids[0], "00"));
        assert_eq!(late, Ok(Ok::<_, SqlFault>(false)));
    }

    #[test]
    fn what_nothing_names_for_a_while_goes_and_makes_room() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let owner_id = Id::of(9, [9; 10]);
        let ids = [1, 2, 3].map(|number| Id::of(number, [1; 10]));
        let holders = [Id::of(21, [2; 10]), Id::of(22, [2; 10])];
        let written = store.write_blocking(move |tx| {
            for id in ids {
                let upload = Upload {
                    id,
                    owner_id,
                    filename: None,
                    content_type: "image/png".to_owned(),
                    size_bytes: 7,
                    sha256: None,
                    issued_at: 0,
                    expires_at: 100,
                    stored_at: None,
                };
                insert(tx, &upload)?;
            }
            assert_eq!(totals(tx, owner_id, 50)?.awaited, 3);
            assert_eq!(totals(tx, owner_id, 101)?.awaited, 0);
            // Named before it comes, by one after the other, by both, and by nobody.
            let [one, two, _] = ids.map(|id| format!("see /v1/uploads/{id}."));
            hold(tx, holders[0], &[&one])?;
            for id in ids {
                assert!(mark_stored(tx, id, "00")?);
            }
            hold(tx, holders[0], &[&one, &two, &two])?;
            hold(tx, holders[1], &[&two, "/v1/uploads/none", "/v1/uploads/"])?;
            let later = tx.now_ms() + 1;
            let first = forget_unnamed(tx, later, 10)?;
            hold(tx, holders[0], &[])?;
            let early = forget_unnamed(tx, tx.now_ms(), 10)?;
            let second = forget_unnamed(tx, later, 10)?;
            hold(tx, holders[1], &["nothing"])?;
            let third = forget_unnamed(tx, later, 10)?;
            Ok::<_, SqlFault>(([first, early, second, third], totals(tx, owner_id, 0)?))
        });
        let (forgotten, left) = written.unwrap().unwrap();
        assert_eq!(
            forgotten,
            [vec![ids[2]], vec![], vec![ids[0]], vec![ids[1]]]
        );
        let none = Totals {
            awaited: 0,
            files: 0,
            bytes: 0,
        };
        assert_eq!(left, none);
    }
}
