//! What a shard remembers of tarballs: where those of hosted packages are, and the bytes of short
//! ones.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::sql::{self, Place};
use crate::limits::{TARBALL_KEPT_BYTES_MAX, TARBALL_PLACES_KEPT_MAX, TARBALLS_KEPT_BYTES_MAX};
use crate::registry::blobs::Sha512Digest;
use crate::registry::name::PackageName;
use crate::registry::topics;
use crate::store::{Store, StoreFault};

/// What one shard remembers.
#[derive(Default)]
pub struct Kept {
    shelf: RefCell<Shelf>,
    /// By package and file, each with the generation of the package's topic that it was read at.
    places: RefCell<HashMap<Box<str>, (u64, Place)>>,
}

/// Files by their content, so that nothing here is ever stale.
#[derive(Default)]
struct Shelf {
    entries: HashMap<Sha512Digest, Entry>,
    /// In the order of their coming; one that was asked for again meanwhile gets another round.
    order: VecDeque<Sha512Digest>,
    bytes: usize,
}

struct Entry {
    bytes: Bytes,
    is_wanted: bool,
}

impl Kept {
    /// The tarball of this name in a package, if its version is served.
    pub(super) fn place(
        &self,
        store: &Store,
        name: &PackageName,
        file: &str,
    ) -> Result<Option<Place>, StoreFault> {
        // Before the look: what is changed after it moves the generation on.
        let generation = store.generation(topics::package(name));
        let key = format!("{name}\0{file}");
        if let Some((known, place)) = self.places.borrow().get(&*key)
            && *known == generation
        {
            return Ok(Some(*place));
        }
        let place = store.read(|view| sql::find(view, name, file))?;
        // Those of upstreams come and go without a word.
        if let Some(place) = place.filter(|place| !place.is_upstreams) {
            let mut places = self.places.borrow_mut();
            if places.len() >= TARBALL_PLACES_KEPT_MAX {
                places.clear();
            }
            places.insert(key.into(), (generation, place));
        }
        Ok(place)
    }

    /// The content of a file, if it is here.
    pub fn find(&self, digest: &Sha512Digest) -> Option<Bytes> {
        let mut shelf = self.shelf.borrow_mut();
        let entry = shelf.entries.get_mut(digest)?;
        entry.is_wanted = true;
        Some(entry.bytes.clone())
    }

    /// Keeps the content of a file, if it is short.
    pub fn keep(&self, digest: Sha512Digest, bytes: Bytes) {
        if bytes.len() as u64 > TARBALL_KEPT_BYTES_MAX {
            return;
        }
        let mut shelf = self.shelf.borrow_mut();
        shelf.bytes += bytes.len();
        let entry = Entry {
            bytes,
            is_wanted: false,
        };
        match shelf.entries.insert(digest, entry) {
            None => shelf.order.push_back(digest),
            Some(before) => shelf.bytes -= before.bytes.len(),
        }
        while shelf.bytes > TARBALLS_KEPT_BYTES_MAX {
            shelf.make_room();
        }
    }
}

impl Shelf {
    fn make_room(&mut self) {
        let Some(oldest) = self.order.pop_front() else {
            return;
        };
        let wanted = self.entries.get_mut(&oldest);
        if wanted.is_some_and(|entry| std::mem::take(&mut entry.is_wanted)) {
            self.order.push_back(oldest);
        } else if let Some(entry) = self.entries.remove(&oldest) {
            self.bytes -= entry.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Sha512Digest {
        let mut digest = [0; 64];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        Sha512Digest(digest)
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_makes_room() {
        let kept = Kept::default();
        let full = Bytes::from(vec![7; TARBALL_KEPT_BYTES_MAX as usize]);
        let count = TARBALLS_KEPT_BYTES_MAX / full.len();
        for number in 0..count {
            kept.keep(digest(number), full.clone());
        }
        // The same again takes no more room.
        kept.keep(digest(0), full.clone());
        assert_eq!(kept.find(&digest(0)), Some(full.clone()));
        kept.keep(digest(count), full.clone());
        assert!(kept.find(&digest(0)).is_some(), "it was asked for");
        assert!(kept.find(&digest(1)).is_none(), "it made room");
        assert_eq!(kept.shelf.borrow().bytes, TARBALLS_KEPT_BYTES_MAX);
        let long = Bytes::from(vec![7; TARBALL_KEPT_BYTES_MAX as usize + 1]);
        kept.keep(digest(1), long);
        assert!(kept.find(&digest(1)).is_none(), "it is too long");
    }
}
