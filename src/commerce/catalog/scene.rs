//! What the tests of the catalogue stand on: a store on disk and products in it.

use std::sync::Arc;

use crate::commerce::catalog::products::rules::Status;
use crate::commerce::catalog::products::sql::{self, Product};
use crate::commerce::inventory::sql::Opening;
use crate::commerce::schema::DEFINITION;
use crate::id::Id;
use crate::store::{Folder, Options, SqlFault, Store, Tx, View, open};

/// A store with the shop's schema.
pub(super) struct Scene {
    store: Arc<Store>,
    // After the store, which has files in it.
    _folder: Folder,
}

impl Scene {
    pub(super) fn new() -> Scene {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        Scene {
            store,
            _folder: folder,
        }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>) -> T {
        self.store.read(read).unwrap()
    }

    pub(super) fn write<T, E>(
        &self,
        command: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.store.write_blocking(command).unwrap()
    }

    /// Adds products, each with the values of attributes and the stock that go with it.
    pub(super) fn add(&self, products: Vec<(Product, Vec<Id>, i64)>) {
        let added = self.write(move |tx| {
            products.iter().try_for_each(|(product, values, on_hand)| {
                sql::insert(
                    tx,
                    product,
                    values,
                    Opening {
                        on_hand: *on_hand,
                        actor: None,
                    },
                )
                .map(|_| ())
            })
        });
        added.unwrap();
    }
}

/// An active product whose id, slug and sku are those of a number.
pub(super) fn product(number: u64) -> Product {
    Product {
        number: 0,
        id: id(number),
        version: 1,
        status: Status::Active,
        category_id: None,
        vendor_id: None,
        price_amount: 100,
        currency: "EUR".to_owned(),
        rating_average_centi: 0,
        rating_count: 0,
        popularity: 0,
        created_at: number as i64,
        updated_at: number as i64,
        name: format!("Product {number}"),
        slug: format!("product-{number}"),
        sku: format!("SKU-{number}"),
        description: String::new(),
        specifications: "{}".to_owned(),
        images: "[]".to_owned(),
    }
}

/// The id of a number.
pub(super) fn id(number: u64) -> Id {
    Id::of(number, [7; 10])
}
