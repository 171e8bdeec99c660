//! What tests of statements stand on: a shop's store in a folder that goes with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::accounts::users::sql::{NewUser, insert};
use super::schema::DEFINITION;
use crate::auth::Role;
use crate::id::Id;
use crate::store::{Definition, Options, SqlFault, Store, Tx, View, open};

/// An empty shop.
pub(crate) struct Scene {
    store: Arc<Store>,
    folder: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        Scene::of(&DEFINITION)
    }

    /// An empty store of another kind.
    pub(crate) fn of(definition: &Definition) -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("thirteen-accounts-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _gone_or_not = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store = open(definition, &folder, Options { shards: 0 }).unwrap();
        Scene { store, folder }
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Tx<'_>) -> Result<T, SqlFault> + Send + 'static,
    ) -> T {
        self.store.write_blocking(command).unwrap().unwrap()
    }

    pub(crate) fn try_write<T: Send + 'static, E: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.store.write_blocking(command).unwrap()
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>) -> T {
        self.store.read(read).unwrap()
    }

    pub(crate) fn generation_of(&self, user: Id) -> u64 {
        self.store.generation(crate::auth::sessions::topic(user))
    }

    /// A user with this address.
    pub(crate) fn user(&self, email: &str, role: Role) -> Id {
        let new = NewUser {
            id: Id::fresh(),
            email: email.to_owned(),
            email_key: email.to_ascii_lowercase(),
            name: "Somebody".to_owned(),
            password_hash: "none".to_owned(),
            role,
        };
        let id = new.id;
        self.write(move |tx| insert(tx, &new));
        id
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.store.close();
        let _gone_or_not = std::fs::remove_dir_all(&self.folder);
    }
}
