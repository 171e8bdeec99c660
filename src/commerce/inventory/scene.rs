//! What the tests of stock stand on: a store on disk with a few items.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::id::Id;
use crate::store::{Definition, Options, SqlFault, Store, StoreFault, Tx, View, open};

use super::rules::Item;

/// Stock with the audit log and as much of a catalogue as it refers to.
const SHOP: Definition = Definition {
    name: "shop",
    migrations: &[
        include_str!("../migrations/0001_identity.sql"),
        "CREATE TABLE products (id TEXT NOT NULL UNIQUE) STRICT;
         CREATE TABLE product_variants (id TEXT PRIMARY KEY) STRICT;",
        include_str!("../migrations/0003_stock.sql"),
    ],
};

/// A store in a folder of its own, which goes with it.
pub(super) struct Scene {
    pub(super) store: Arc<Store>,
    folder: PathBuf,
}

impl Scene {
    /// Below the target folder, which is on a real disk.
    pub(super) fn new(shards: usize) -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("thirteen-stock-{}-{number}", std::process::id());
        let folder = std::env::current_exe().unwrap().with_file_name(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        let store = open(&SHOP, &folder, Options { shards }).unwrap();
        Scene { store, folder }
    }

    /// Does something in one command that may not fail.
    pub(super) fn write<T, E, C>(&self, command: C) -> T
    where
        T: Send + 'static,
        E: Send + std::fmt::Debug + 'static,
        C: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.try_write(command).unwrap()
    }

    /// Does something in one command.
    pub(super) fn try_write<T, E, C>(&self, command: C) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        C: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let written: Result<Result<T, E>, StoreFault> = self.store.write_blocking(command);
        written.unwrap()
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>) -> T {
        self.store.read(read).unwrap()
    }

    /// A product that is counted itself.
    pub(super) fn product(&self, on_hand: i64) -> Item {
        self.write(move |tx| add_product(tx, on_hand))
    }

    /// Another variant of a product, counted.
    pub(super) fn variant(&self, of: Item, on_hand: i64) -> Item {
        self.write(move |tx| add_variant(tx, of, on_hand))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.store.close();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn add_product(tx: &mut Tx<'_>, on_hand: i64) -> Result<Item, SqlFault> {
    let product_id = Id::fresh();
    let sql = "INSERT INTO products (id) VALUES (?1)";
    tx.run(sql, &[&&*product_id.text()])?;
    let variant_id = None;
    let item = Item {
        product_id,
        variant_id,
    };
    super::sql::open(
        tx,
        item,
        super::sql::Opening {
            on_hand,
            actor: None,
        },
    )?;
    Ok(item)
}

fn add_variant(tx: &mut Tx<'_>, of: Item, on_hand: i64) -> Result<Item, SqlFault> {
    let variant_id = Id::fresh();
    let sql = "INSERT INTO product_variants (id) VALUES (?1)";
    tx.run(sql, &[&&*variant_id.text()])?;
    let item = Item {
        variant_id: Some(variant_id),
        ..of
    };
    super::sql::open(
        tx,
        item,
        super::sql::Opening {
            on_hand,
            actor: None,
        },
    )?;
    Ok(item)
}
