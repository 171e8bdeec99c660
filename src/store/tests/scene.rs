//! What the tests of the store stand on: a folder, a small schema, shards.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{Definition, Options, SqlFault, Store, StoreFault, Tx, open};
use crate::shard::{Shard, ShardOptions, launch};

/// Two migrations: accounts, and their currency.
pub(super) const BANK: Definition = Definition {
    name: "bank",
    migrations: &[ACCOUNTS, "ALTER TABLE accounts ADD COLUMN currency TEXT"],
};

pub(super) const ACCOUNTS: &str = "
    CREATE TABLE accounts (
        id TEXT PRIMARY KEY,
        balance INTEGER NOT NULL CHECK (balance >= 0)
    ) STRICT;
    CREATE TABLE moves (
        account TEXT NOT NULL REFERENCES accounts (id),
        amount INTEGER NOT NULL
    ) STRICT";

/// A fresh folder below the target folder, which is on a real disk; removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("thirteen-store-{}-{number}", std::process::id());
        let executable = std::env::current_exe().unwrap();
        let path = executable.parent().unwrap().join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn open(&self) -> Arc<Store> {
        open(&BANK, &self.0, Options { shards: 1 }).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs `test` on the only shard.
pub(super) fn on_shard<F>(test: impl Fn(Rc<Shard>) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + 'static,
{
    launch(&ShardOptions::new(1), test, |_| {})
        .unwrap()
        .join()
        .expect("the test on the shard passes");
}

pub(super) fn add(tx: &mut Tx<'_>, id: &str, balance: i64) -> Result<usize, SqlFault> {
    let sql = "INSERT INTO accounts (id, balance) VALUES (?1, ?2)";
    tx.run(sql, &[&id, &balance])
}

pub(super) fn balance(store: &Store, id: &str) -> Result<Option<i64>, StoreFault> {
    let sql = "SELECT balance FROM accounts WHERE id = ?1";
    store.read(|view| view.one(sql, &[&id], |row| row.get(0)))
}

pub(super) fn count(store: &Store) -> i64 {
    let read = |view: &super::super::View<'_>| {
        view.one("SELECT count(*) FROM accounts", &[], |row| row.get(0))
    };
    store.read(read).unwrap().unwrap()
}
