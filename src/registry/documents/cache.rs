//! The documents that a shard keeps in memory, as they are sent.
//!
//! An entry holds the generation that its package's topic had before its row was read, and is
//! served while that has not moved: there is no invalidation to forget. What was not asked for
//! since the hand came by last goes first (the clock algorithm).

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::accept::ABBREVIATED_TYPE;
use super::index::Index;
use super::pack::Part;
use crate::limits::{
    DOCUMENT_ENTRY_BYTES, DOCUMENT_VARIANT_BYTES_MAX, DOCUMENT_VARIANT_BYTES_PER_S,
    DOCUMENT_VARIANTS_MAX,
};
use crate::registry::packages::rows::{DocumentRow, PackageRow};
use crate::registry::wording::hex;
use crate::shard;
use crate::telemetry::date::http_date;

/// The documents of a shard.
pub struct Documents {
    entries: RefCell<HashMap<Box<str>, Vec<Rc<Loaded>>>>,
    hand: RefCell<VecDeque<Weak<Loaded>>>,
    bytes: Cell<usize>,
    bytes_max: Cell<usize>,
    /// The first second in which all URLs are as they are; Unix time.
    since_s: Cell<u64>,
    allowance: Allowance,
}

/// What may be made for other bases than the one that documents are stored for. Whoever asks names
/// the base, so it is bounded what that costs: bytes that are left, and when that was.
struct Allowance {
    bytes: Cell<u64>,
    at_ms: Cell<u64>,
}

/// The documents of one package for one base, as far as they were asked for.
pub struct Loaded {
    /// The generation of its topic.
    pub generation: u64,
    /// The package.
    pub row: PackageRow,
    /// Where its documents lie.
    pub document: DocumentRow,
    /// What the URLs in these documents begin with.
    pub base: String,
    /// All parts for the base that they are stored for, where they are short.
    pub content: Option<Bytes>,
    /// The second in which these documents became what they are: that of its last change, or that
    /// in which its URLs became others; Unix time.
    pub modified_s: u64,
    /// Its versions, once one was asked for.
    pub index: OnceCell<Rc<Index>>,
    tag: String,
    lines: [Box<[u8]>; 6],
    date: [u8; 29],
    parts: RefCell<[Option<Bytes>; 6]>,
    /// Bytes that count against the shard's bound.
    counted: Cell<usize>,
    is_touched: Cell<bool>,
    /// Raised when who fills a part is done.
    filling: RefCell<Option<Rc<shard::Flag>>>,
}

/// Fills parts of an entry, alone as long as it lives.
pub struct Filling<'l> {
    loaded: &'l Loaded,
    flag: Rc<shard::Flag>,
}

impl Documents {
    /// Documents of at most so many bytes, whose URLs are as they are since a second.
    pub fn new(bytes_max: usize, since_s: u64) -> Documents {
        Documents {
            entries: RefCell::default(),
            hand: RefCell::default(),
            bytes: Cell::new(0),
            bytes_max: Cell::new(bytes_max),
            since_s: Cell::new(since_s),
            allowance: Allowance {
                bytes: Cell::new(DOCUMENT_VARIANT_BYTES_MAX),
                at_ms: Cell::new(0),
            },
        }
    }

    /// Changes the bound.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.set(bytes_max);
        self.evict();
    }

    /// Forgets all of them, since URLs are others from this second on.
    pub fn rebase(&self, since_s: u64) {
        self.since_s.set(since_s);
        for loaded in self.entries.borrow_mut().drain().flat_map(|(_, all)| all) {
            self.bytes.set(self.bytes.get() - loaded.counted.replace(0));
        }
    }

    /// The first second in which all URLs are as they are; Unix time.
    pub fn since_s(&self) -> u64 {
        self.since_s.get()
    }

    /// The documents of a package, where they are of this generation.
    pub fn find(
        &self,
        name: &str,
        generation: u64,
        is_base: impl Fn(&str) -> bool,
    ) -> Option<Rc<Loaded>> {
        let entries = self.entries.borrow();
        let mut variants = entries.get(name)?.iter();
        let found = variants.find(|one| one.generation == generation && is_base(&one.base))?;
        found.is_touched.set(true);
        Some(found.clone())
    }

    /// Whether documents may be kept: for the base that they are stored for always, and for some
    /// others. One of them that was not asked for lately makes way.
    pub fn has_room(&self, loaded: &Loaded, now_ms: u64) -> bool {
        let mut entries = self.entries.borrow_mut();
        let Some(variants) = entries.get_mut(loaded.row.name.as_str()) else {
            return true;
        };
        let is_other = |one: &&Rc<Loaded>| one.generation == loaded.generation && one.is_variant();
        if !loaded.is_variant() || variants.iter().filter(is_other).count() < DOCUMENT_VARIANTS_MAX
        {
            return true;
        }
        if !self.allowance.take(DOCUMENT_ENTRY_BYTES as u64, now_ms) {
            return false;
        }
        let mut others = variants.iter();
        let idle = others.position(|one| is_other(&one) && !one.is_touched.replace(false));
        let Some(idle) = idle else { return false };
        let gone = variants.remove(idle);
        self.bytes.set(self.bytes.get() - gone.counted.replace(0));
        true
    }

    /// Whether a part may be made and kept; where it may not, its plain form is sent and is not
    /// kept.
    pub fn may_make(&self, loaded: &Loaded, part: Part, now_ms: u64) -> bool {
        if !loaded.is_variant() {
            return true;
        }
        let (_, length) = part.plain().place(&loaded.document.parts);
        loaded.counted.get() > 0 && self.allowance.take(length, now_ms)
    }

    /// Keeps the documents of a package, in place of those of other generations.
    pub fn insert(&self, loaded: Rc<Loaded>) {
        let mut entries = self.entries.borrow_mut();
        let name: Box<str> = loaded.row.name.as_str().into();
        let variants = entries.entry(name).or_default();
        let same = variants
            .iter()
            .find(|one| one.base == loaded.base && one.document == loaded.document);
        let parts = same
            .filter(|_| loaded.content.is_none())
            .map(|one| one.parts.borrow().clone());
        variants.retain(|one| {
            let stays = one.generation == loaded.generation && one.base != loaded.base;
            if !stays {
                self.bytes.set(self.bytes.get() - one.counted.replace(0));
            }
            stays
        });
        let mut hand = self.hand.borrow_mut();
        if hand.len() > 2 * entries.len() + HAND_SLACK {
            hand.retain(|one| one.strong_count() > 0);
        }
        hand.push_back(Rc::downgrade(&loaded));
        // What else changed of the package, such as when its upstream was asked, is not in them.
        let mut bytes = loaded.content.as_ref().map_or(0, Bytes::len);
        if let Some(parts) = parts {
            bytes += parts.iter().flatten().map(Bytes::len).sum::<usize>();
            *loaded.parts.borrow_mut() = parts;
        }
        loaded.counted.set(DOCUMENT_ENTRY_BYTES + bytes);
        self.bytes
            .set(self.bytes.get() + DOCUMENT_ENTRY_BYTES + bytes);
        let variants = entries.get_mut(loaded.row.name.as_str());
        variants.expect("it was made above").push(loaded);
        drop((entries, hand));
        self.evict();
    }

    /// Keeps a part of an entry, unless it is longer than all that may be kept.
    pub fn keep(&self, loaded: &Loaded, part: Part, bytes: &Bytes) {
        let is_kept = loaded.counted.get() > 0 && bytes.len() <= self.bytes_max.get();
        if is_kept && loaded.parts.borrow()[part as usize].is_none() {
            loaded.parts.borrow_mut()[part as usize] = Some(bytes.clone());
            loaded.counted.set(loaded.counted.get() + bytes.len());
            self.bytes.set(self.bytes.get() + bytes.len());
            self.evict();
        }
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn evict(&self) {
        while self.bytes.get() > self.bytes_max.get() {
            let next = self.hand.borrow_mut().pop_front();
            let Some(next) = next else { return };
            let Some(loaded) = next.upgrade().filter(|one| one.counted.get() > 0) else {
                continue;
            };
            if loaded.is_touched.replace(false) {
                self.hand.borrow_mut().push_back(next);
                continue;
            }
            self.bytes.set(self.bytes.get() - loaded.counted.replace(0));
            let mut entries = self.entries.borrow_mut();
            let name = loaded.row.name.as_str();
            let left = entries.get_mut(name).map(|variants| {
                variants.retain(|one| !Rc::ptr_eq(one, &loaded));
                variants.len()
            });
            if left == Some(0) {
                entries.remove(name);
            }
        }
    }
}

impl Allowance {
    /// Takes bytes, as far as there are any: of what is longer than all that may be left, all.
    fn take(&self, bytes: u64, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.at_ms.replace(now_ms));
        let more = passed_ms.saturating_mul(DOCUMENT_VARIANT_BYTES_PER_S) / 1000;
        let left = self.bytes.get().saturating_add(more);
        let left = left.min(DOCUMENT_VARIANT_BYTES_MAX);
        let rest = left.checked_sub(bytes.min(DOCUMENT_VARIANT_BYTES_MAX));
        self.bytes.set(rest.unwrap_or(left));
        rest.is_some()
    }
}

impl Loaded {
    /// The documents of a package, of which no part is in memory yet but what `content` has; with
    /// the second since which URLs are as they are.
    pub fn new(
        generation: u64,
        row: PackageRow,
        document: DocumentRow,
        content: Option<Bytes>,
        (base, since_s): (String, u64),
    ) -> Loaded {
        let parts = content
            .as_ref()
            .filter(|_| document.base == base)
            .map(|content| Part::ALL.map(|part| slice(part, &document, content)));
        let modified_s = (row.modified_at.max(0) as u64 / 1000).max(since_s);
        let tag = tag_of(&document, &base);
        let lines = Part::ALL.map(|part| lines_of(part, &tag));
        Loaded {
            generation,
            modified_s,
            date: http_date(modified_s),
            base,
            row,
            document,
            index: OnceCell::new(),
            tag,
            lines,
            content,
            parts: RefCell::new(parts.unwrap_or_default()),
            counted: Cell::new(0),
            is_touched: Cell::new(false),
            filling: RefCell::default(),
        }
    }

    /// Whether it is for another base than the one that it is stored for.
    pub fn is_variant(&self) -> bool {
        self.document.base != self.base
    }

    /// What is sent to who asks for a part.
    pub fn offered(&self, part: Part) -> Part {
        part.offered(&self.document.parts)
    }

    /// A part, if it is in memory.
    pub fn part(&self, part: Part) -> Option<Bytes> {
        self.parts.borrow()[part as usize].clone()
    }

    /// The entity tag of a part, with its quotes.
    pub fn etag(&self, part: Part) -> String {
        format!("\"{}-{}\"", self.tag, SUFFIXES[part as usize])
    }

    /// What the tags of all parts begin with.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// `ETag`, `Content-Type` and `Content-Encoding` of a part.
    pub fn lines(&self, part: Part) -> &[u8] {
        &self.lines[part as usize]
    }

    /// `Last-Modified`.
    pub fn date(&self) -> &[u8; 29] {
        &self.date
    }

    /// The right to fill its parts; waits for who has it.
    pub async fn fill(&self) -> Filling<'_> {
        loop {
            let others = self.filling.borrow().clone();
            let Some(flag) = others else { break };
            flag.raised().await;
        }
        let flag = Rc::new(shard::Flag::default());
        *self.filling.borrow_mut() = Some(flag.clone());
        Filling { loaded: self, flag }
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        *self.loaded.filling.borrow_mut() = None;
        self.flag.raise();
    }
}

/// A part of short documents, if they have it; that they are damaged is told by who reads them.
fn slice(part: Part, document: &DocumentRow, content: &Bytes) -> Option<Bytes> {
    let bytes = part.of(&document.parts, content)?;
    (!bytes.is_empty()).then(|| content.slice_ref(bytes))
}

/// Documents for another base are other bytes; they are made anew by each version of this program,
/// whose compressors may differ.
fn tag_of(document: &DocumentRow, base: &str) -> String {
    let bytes = if document.base == base {
        document.digest[..TAG_BYTES].to_vec()
    } else {
        let mut hasher = Sha256::new();
        hasher.update(document.digest);
        hasher.update(base.as_bytes());
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.finalize()[..TAG_BYTES].to_vec()
    };
    hex(&bytes)
}

fn lines_of(part: Part, tag: &str) -> Box<[u8]> {
    let (content_type, coding) = match part {
        Part::Full => (JSON, None),
        Part::FullGzip => (JSON, Some("gzip")),
        Part::FullBrotli => (JSON, Some("br")),
        Part::Abbreviated => (ABBREVIATED_TYPE, None),
        Part::AbbreviatedGzip => (ABBREVIATED_TYPE, Some("gzip")),
        Part::AbbreviatedBrotli => (ABBREVIATED_TYPE, Some("br")),
    };
    let suffix = SUFFIXES[part as usize];
    let mut lines = format!("ETag: \"{tag}-{suffix}\"\r\nContent-Type: {content_type}\r\n");
    if let Some(coding) = coding {
        lines.push_str("Content-Encoding: ");
        lines.push_str(coding);
        lines.push_str("\r\n");
    }
    lines.into_bytes().into_boxed_slice()
}

const JSON: &str = "application/json";
const TAG_BYTES: usize = 16;
/// What tells the tags of the parts apart, in the order of [`Part::ALL`].
const SUFFIXES: [&str; 6] = [
    "full",
    "full-gzip",
    "full-br",
    "short",
    "short-gzip",
    "short-br",
];
/// Places of entries that are gone which wait for the hand.
const HAND_SLACK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::registry::name::PackageName;
    use crate::registry::packages::rows::Visibility;

    fn loaded(name: &str, generation: u64, digest: u8, base: &str) -> Rc<Loaded> {
        let row = PackageRow {
            id: Id::fresh(),
            name: PackageName::parse(name).unwrap(),
            upstream: None,
            access: Visibility::Public,
            revision: 1,
            fields: None,
            created_at: 0,
            modified_at: 0,
            document: None,
            etag: None,
            last_modified: None,
            checked_at: None,
            rebuild_at: None,
            used_at: None,
        };
        let document = DocumentRow {
            digest: [digest; 64],
            base: "http://a".to_owned(),
            parts: [0; 6],
        };
        let base = (base.to_owned(), 0);
        Rc::new(Loaded::new(generation, row, document, None, base))
    }

    fn find(documents: &Documents, name: &str, generation: u64) -> Option<Rc<Loaded>> {
        documents.find(name, generation, |base| base == "http://a")
    }

    #[test]
    fn only_the_generation_that_counts_is_found() {
        let documents = Documents::new(1 << 20, 0);
        let first = loaded("a", 1, 1, "http://a");
        documents.insert(first.clone());
        documents.keep(&first, Part::Full, &Bytes::from_static(b"text"));
        let found = find(&documents, "a", 1).unwrap();
        assert_eq!(found.part(Part::Full).as_deref(), Some(b"text".as_slice()));
        assert!(find(&documents, "a", 2).is_none() && find(&documents, "b", 1).is_none());
        let other = documents.find("a", 1, |base| base == "http://b");
        assert!(other.is_none());
        // The same documents in another generation keep their parts, others do not.
        documents.insert(loaded("a", 2, 1, "http://a"));
        assert!(find(&documents, "a", 1).is_none());
        assert!(find(&documents, "a", 2).unwrap().part(Part::Full).is_some());
        documents.insert(loaded("a", 3, 2, "http://a"));
        assert!(find(&documents, "a", 3).unwrap().part(Part::Full).is_none());
        assert_eq!(documents.bytes(), DOCUMENT_ENTRY_BYTES);
        // A part that comes late belongs to nobody.
        documents.keep(&first, Part::Abbreviated, &Bytes::from_static(b"late"));
        assert_eq!(documents.bytes(), DOCUMENT_ENTRY_BYTES);
    }

    #[test]
    fn short_documents_are_there_at_once() {
        let row = loaded("a", 1, 1, "http://a").row.clone();
        let document = DocumentRow {
            digest: [1; 64],
            base: "http://a".to_owned(),
            parts: [5, 0, 0, 3, 2, 1],
        };
        let content = Bytes::from_static(b"full.abbgzb");
        let made = |base: &str| {
            let (row, document) = (row.clone(), document.clone());
            let base = (base.to_owned(), 0);
            Rc::new(Loaded::new(1, row, document, Some(content.clone()), base))
        };
        let one = made("http://a");
        let part = |part: Part| one.part(one.offered(part)).unwrap();
        for (asked, expected) in [
            (Part::Full, "full."),
            (Part::FullGzip, "full."),
            (Part::FullBrotli, "full."),
            (Part::Abbreviated, "abb"),
            (Part::AbbreviatedGzip, "gz"),
            (Part::AbbreviatedBrotli, "b"),
        ] {
            assert_eq!(part(asked), expected, "{asked:?}");
        }
        let documents = Documents::new(1 << 20, 0);
        documents.insert(one.clone());
        assert_eq!(documents.bytes(), DOCUMENT_ENTRY_BYTES + content.len());
        // Of damaged ones there is what is whole.
        let mut damaged = document.clone();
        damaged.parts[5] += 1;
        let base = ("http://a".to_owned(), 0);
        let damaged = Loaded::new(1, row.clone(), damaged, Some(content.clone()), base);
        assert!(damaged.part(Part::AbbreviatedBrotli).is_none());
        assert_eq!(damaged.part(Part::AbbreviatedGzip).unwrap(), "gz");
        // For another base they have to be made.
        let other = made("http://b");
        assert_eq!(other.offered(Part::FullGzip), Part::Full);
        assert!(other.part(Part::Full).is_none());
    }

    #[test]
    fn other_bases_are_bounded_and_do_not_push_out_what_is_used() {
        let documents = Documents::new(1 << 20, 0);
        let own = loaded("a", 1, 1, "http://a");
        assert!(documents.has_room(&own, 0));
        documents.insert(own);
        let base = |number: usize| format!("http://{number}");
        let find = |number: usize| documents.find("a", 1, |other| other == base(number));
        for number in 0..DOCUMENT_VARIANTS_MAX {
            let one = loaded("a", 1, 1, &base(number));
            assert!(documents.has_room(&one, 0));
            assert!(!documents.may_make(&one, Part::Full, 0), "it is not kept");
            documents.insert(one.clone());
            assert!(documents.may_make(&one, Part::Full, 0));
            assert!(find(number).is_some());
        }
        let more = loaded("a", 1, 1, "http://more");
        assert!(!documents.has_room(&more, 0), "all are used");
        let used = (1..DOCUMENT_VARIANTS_MAX).all(|number| find(number).is_some());
        assert!(used && documents.has_room(&more, 0), "one is not");
        assert!(find(0).is_none() && find(1).is_some());
        assert!(documents.find("a", 1, |base| base == "http://a").is_some());
        documents.insert(more.clone());
        let bytes = documents.bytes();
        assert_eq!(bytes, (DOCUMENT_VARIANTS_MAX + 1) * DOCUMENT_ENTRY_BYTES);
        // Without an allowance nobody makes way, and nothing is made.
        assert!(documents.allowance.take(u64::MAX, 1000));
        assert!(!documents.has_room(&loaded("a", 1, 1, "http://evil"), 1000));
        let mut long = loaded("b", 1, 1, "http://b");
        Rc::get_mut(&mut long).unwrap().document.parts[0] = 1;
        documents.insert(long.clone());
        assert!(!documents.may_make(&long, Part::FullGzip, 1000));
        assert!(documents.may_make(&long, Part::FullGzip, 2000));
    }

    #[test]
    fn what_is_made_for_other_bases_is_bounded_in_time() {
        let allowance = Documents::new(0, 0).allowance;
        let second = DOCUMENT_VARIANT_BYTES_PER_S;
        assert!(allowance.take(DOCUMENT_VARIANT_BYTES_MAX - 1, 5000));
        assert!(!allowance.take(2, 5000) && allowance.take(1, 5000));
        assert!(!allowance.take(second, 5999));
        assert!(
            allowance.take(second, 6001),
            "what was refused costs nothing"
        );
        assert!(!allowance.take(DOCUMENT_VARIANT_BYTES_MAX, 7000));
        let full_ms = DOCUMENT_VARIANT_BYTES_MAX / second * 1000;
        assert!(allowance.take(2 * DOCUMENT_VARIANT_BYTES_MAX, 7000 + 2 * full_ms));
        assert!(!allowance.take(1, 7000 + 2 * full_ms));
    }

    #[test]
    fn it_is_bounded_and_what_is_asked_for_stays() {
        let part = Bytes::from(vec![0; DOCUMENT_ENTRY_BYTES]);
        let bytes_max = 8 * DOCUMENT_ENTRY_BYTES;
        let documents = Documents::new(bytes_max, 0);
        for number in 0..200 {
            let one = loaded(&format!("p{number}"), 1, 1, "http://a");
            documents.insert(one.clone());
            documents.keep(&one, Part::Full, &part);
            assert!(documents.bytes() <= bytes_max, "{number}");
            assert!(
                number == 0 || find(&documents, "p0", 1).is_some(),
                "{number}"
            );
        }
        assert!(documents.hand.borrow().len() < 100);
        documents.set_bytes_max(0);
        assert_eq!(
            (documents.bytes(), documents.entries.borrow().len()),
            (0, 0)
        );
        let one = loaded("a", 1, 1, "http://a");
        documents.insert(one.clone());
        documents.keep(&one, Part::Full, &part);
        assert!(one.part(Part::Full).is_none());
        assert_eq!(documents.bytes(), 0);
    }
}
