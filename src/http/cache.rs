//! Replies kept per shard for as long as what they were made from stays the same.
//!
//! An entry holds the generations of the store's topics that it depends on, read before it was
//! rendered. A topic that moved meanwhile makes the entry one that nobody is served: it is
//! rendered once more than needed, and never served stale.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;
use thirteen_kernels::http::Method;

use crate::limits::{
    CACHED_TARGET_BYTES_MAX, COMPRESSED_AGAIN_AFTER, COMPRESSED_AGAIN_BYTES_MAX,
    COMPRESSED_BYTES_MIN, COMPRESSED_HERE_BYTES_MAX,
};
use crate::store::{Store, Topic};

use super::coding::Coding;
use super::compress::{Effort, compress, is_text};
use super::conditional::{BETTER_SUFFIX, etag_of, etag_of_parts, not_modified};
use super::page::Page;
use super::problem::Problem;
use super::reply::Reply;
use super::request::Request;

/// Something whose changes are counted by topic.
pub trait Generations {
    /// What changes.
    type Topic: Copy;

    /// How often a topic has changed, in commits that others can see.
    fn generation(&self, topic: Self::Topic) -> u64;
}

/// A reply of status 200 that is the same for everybody.
#[derive(Clone, Debug)]
pub struct Rendered {
    content_type: &'static str,
    etag: String,
    link: Option<String>,
    body: Vec<u8>,
}

/// One shard's replies to GET, by target. A cache is for the routes of one door, and for those
/// handlers whose reply depends on the target and the topics alone.
pub struct ReplyCache {
    shelf: RefCell<Shelf>,
    bytes_max: Cell<usize>,
    tally: Cell<CacheTally>,
}

/// What a cache has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTally {
    /// Requests answered from it, 304 included.
    pub hits: u64,
    /// Requests that had to be rendered.
    pub misses: u64,
    /// Entries that had to make room.
    pub evictions: u64,
}

/// The generations of what a reply depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    generations: [u64; TOPICS_MAX],
}

struct Shelf {
    places: HashMap<Box<[u8]>, usize>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
}

struct Entry {
    target: Box<[u8]>,
    stamp: Stamp,
    etag: Box<[u8]>,
    text: Text,
    forms: [Option<Form>; FORMS],
    is_wanted: Cell<bool>,
    bytes: usize,
}

/// Whether a body is worth a coding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    /// It is; the reply says that it depends on what the client takes.
    Long,
    Other,
}

/// The end of a reply: the header lines that are its own, and the body.
struct Form {
    bytes: Box<[u8]>,
    head_bytes: usize,
    sent: u32,
}

impl Generations for Store {
    type Topic = Topic;

    fn generation(&self, topic: Topic) -> u64 {
        Store::generation(self, topic)
    }
}

impl Rendered {
    /// A value as JSON; its tag is made of its bytes.
    pub fn json(value: &impl Serialize) -> Rendered {
        let body = serde_json::to_vec(value).expect("a reply's value has string keys");
        let mut hasher = DefaultHasher::new();
        hasher.write(&body);
        let etag = format!("\"h{:016x}\"", hasher.finish());
        Rendered {
            content_type: "application/json",
            etag,
            link: None,
            body,
        }
    }

    /// A resource that has a version.
    pub fn versioned(version: i64, value: &impl Serialize) -> Rendered {
        Rendered {
            etag: etag_of(version),
            ..Rendered::json(value)
        }
    }

    /// A resource that has a version, and holds what the version does not count.
    pub fn of_parts(version: i64, value: &impl Serialize) -> Rendered {
        let rendered = Rendered::json(value);
        let mut hasher = DefaultHasher::new();
        hasher.write(&rendered.body);
        Rendered {
            etag: etag_of_parts(version, hasher.finish()),
            ..rendered
        }
    }

    /// Its tag, in the plain form.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// A page of a list, with the link to the next one.
    pub fn page<T: Serialize>(page: &Page<T>, request: &Request<'_>) -> Rendered {
        Rendered {
            link: page.link(request),
            ..Rendered::json(page)
        }
    }
}

impl ReplyCache {
    /// A cache that holds at most so many bytes; with 0 it holds nothing.
    pub fn new(bytes_max: usize) -> ReplyCache {
        ReplyCache {
            shelf: RefCell::new(Shelf {
                places: HashMap::new(),
                entries: Vec::new(),
                free: Vec::new(),
                hand: 0,
                bytes: 0,
            }),
            bytes_max: Cell::new(bytes_max),
            tally: Cell::default(),
        }
    }

    /// Answers a GET request from the cache, or from `render`, whose reply is kept while none of
    /// the topics moves. The target decides the topics, of which there are at most four.
    ///
    /// # Errors
    /// What `render` fails with; that is not kept.
    ///
    /// # Panics
    /// With more topics.
    pub fn serve<G: Generations>(
        &self,
        generations: &G,
        request: &Request<'_>,
        reply: &mut Reply<'_>,
        topics: &[G::Topic],
        render: impl FnOnce() -> Result<Rendered, Problem>,
    ) -> Result<(), Problem> {
        assert!(topics.len() <= TOPICS_MAX, "a reply depends on few topics");
        let mut stamp = Stamp {
            generations: [0; TOPICS_MAX],
        };
        for (place, topic) in stamp.generations.iter_mut().zip(topics) {
            *place = generations.generation(*topic);
        }
        let target = request.head().target();
        debug_assert!(matches!(request.method(), Method::Get | Method::Head));
        if self.answer_kept(target, stamp, request, reply) {
            return Ok(());
        }
        self.count(|tally| tally.misses += 1);
        // The shelf is free meanwhile: a handler may do anything.
        let mut entry = Entry::new(target, stamp, render()?);
        entry.answer(request, reply);
        self.keep(entry);
        Ok(())
    }

    /// Takes another bound.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.set(bytes_max);
        let evicted = self.shelf.borrow_mut().make_room(bytes_max);
        self.count(|tally| tally.evictions += evicted);
    }

    /// What it has counted.
    pub fn tally(&self) -> CacheTally {
        self.tally.get()
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.shelf.borrow().bytes
    }

    fn answer_kept(
        &self,
        target: &[u8],
        stamp: Stamp,
        request: &Request<'_>,
        reply: &mut Reply<'_>,
    ) -> bool {
        let mut shelf = self.shelf.borrow_mut();
        if !shelf.answer(target, stamp, request, reply) {
            return false;
        }
        // A coding that was asked for the first time takes room of its own.
        let evicted = shelf.make_room(self.bytes_max.get());
        self.count(|tally| {
            tally.hits += 1;
            tally.evictions += evicted;
        });
        true
    }

    fn keep(&self, entry: Entry) {
        let bytes_max = self.bytes_max.get();
        // One long reply is not worth many short ones.
        let fits = entry.bytes <= bytes_max / ENTRY_SHARE;
        if !fits || entry.target.len() > CACHED_TARGET_BYTES_MAX {
            return;
        }
        let mut shelf = self.shelf.borrow_mut();
        shelf.remove(&entry.target);
        let evicted = shelf.make_room(bytes_max - entry.bytes);
        shelf.insert(entry);
        drop(shelf);
        self.count(|tally| tally.evictions += evicted);
    }

    fn count(&self, change: impl FnOnce(&mut CacheTally)) {
        let mut tally = self.tally.get();
        change(&mut tally);
        self.tally.set(tally);
    }
}

impl Shelf {
    /// Answers from an entry that is still good; says whether there was one.
    fn answer(
        &mut self,
        target: &[u8],
        stamp: Stamp,
        request: &Request<'_>,
        reply: &mut Reply<'_>,
    ) -> bool {
        let Some(&place) = self.places.get(target) else {
            return false;
        };
        let entry = self.entries[place].as_mut().expect("a place is filled");
        if entry.stamp != stamp {
            return false;
        }
        entry.is_wanted.set(true);
        let before = entry.bytes;
        entry.answer(request, reply);
        self.bytes = self.bytes - before + entry.bytes;
        true
    }

    fn insert(&mut self, entry: Entry) {
        self.bytes += entry.bytes;
        let place = self.free.pop().unwrap_or(self.entries.len());
        self.places.insert(entry.target.clone(), place);
        if place == self.entries.len() {
            self.entries.push(Some(entry));
        } else {
            self.entries[place] = Some(entry);
        }
    }

    fn remove(&mut self, target: &[u8]) {
        if let Some(place) = self.places.remove(target) {
            let entry = self.entries[place].take().expect("a place is filled");
            self.bytes -= entry.bytes;
            self.free.push(place);
        }
    }

    /// Evicts entries that were not wanted since the hand last passed, until the rest holds at
    /// most so many bytes.
    fn make_room(&mut self, bytes_max: usize) -> u64 {
        let mut evicted = 0;
        while self.bytes > bytes_max {
            self.hand = (self.hand + 1) % self.entries.len();
            let Some(entry) = &self.entries[self.hand] else {
                continue;
            };
            if entry.is_wanted.replace(false) {
                continue;
            }
            let target = entry.target.clone();
            self.remove(&target);
            evicted += 1;
        }
        evicted
    }
}

impl Entry {
    fn new(target: &[u8], stamp: Stamp, rendered: Rendered) -> Entry {
        let is_long = rendered.body.len() >= COMPRESSED_BYTES_MIN;
        let text = if is_long && is_text(rendered.content_type) {
            Text::Long
        } else {
            Text::Other
        };
        let plain = Form::new(&rendered, None, &rendered.body);
        let mut forms = [const { None }; FORMS];
        let etag: Box<[u8]> = rendered.etag.into_bytes().into();
        let bytes = ENTRY_BYTES + 2 * target.len() + etag.len() + plain.bytes.len();
        forms[PLAIN] = Some(plain);
        Entry {
            target: target.into(),
            stamp,
            etag,
            text,
            forms,
            is_wanted: Cell::new(false),
            bytes,
        }
    }

    /// Writes the reply, in the coding that the client likes best, which is made where it is
    /// asked for the first time and made better where it is asked for often.
    fn answer(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) {
        // One that takes longer to compress than others may wait goes out as it is.
        let is_short = self.plain().bytes.len() <= COMPRESSED_HERE_BYTES_MAX;
        let coding = match self.text {
            Text::Long if is_short => reply.choose_coding(),
            Text::Long => None,
            Text::Other => None,
        };
        if let Some(known) = not_modified(request, &self.etag) {
            reply.status(304).header("ETag", known).empty();
            return;
        }
        let form = self.form(coding);
        reply.status(200);
        reply.ending(&form.bytes, form.head_bytes);
    }

    fn form(&mut self, coding: Option<Coding>) -> &Form {
        let index = coding.map_or(PLAIN, |coding| coding as usize);
        if let Some(coding) = coding {
            match &mut self.forms[index] {
                None => self.make(coding, Effort::Usual),
                Some(form) => {
                    form.sent = form.sent.saturating_add(1);
                    let is_due = form.sent == COMPRESSED_AGAIN_AFTER;
                    if is_due && self.plain().bytes.len() <= COMPRESSED_AGAIN_BYTES_MAX {
                        self.make(coding, Effort::Kept);
                    }
                }
            }
        }
        let form = self.forms[index].as_ref().or(self.forms[PLAIN].as_ref());
        form.expect("the plain form is made first")
    }
}

impl Entry {
    fn plain(&self) -> &Form {
        let plain = self.forms[PLAIN].as_ref();
        plain.expect("the plain form is made first")
    }

    /// Makes the form in a coding, in the place of the one that there may be.
    fn make(&mut self, coding: Coding, effort: Effort) {
        let Some(mut form) = self.plain().coded(coding, effort) else {
            return;
        };
        let place = &mut self.forms[coding as usize];
        let before = place.as_ref().map_or(0, |form| form.bytes.len());
        form.sent = place.as_ref().map_or(0, |form| form.sent);
        self.bytes = self.bytes - before + form.bytes.len();
        *place = Some(form);
    }
}

impl Form {
    fn new(rendered: &Rendered, coding: Option<Coding>, body: &[u8]) -> Form {
        let mut lines = format!("ETag: {}\r\n", rendered.etag);
        if let Some(link) = &rendered.link {
            lines.push_str(&format!("Link: {link}\r\n"));
        }
        lines.push_str(&format!("Content-Type: {}\r\n", rendered.content_type));
        Form::of_lines(lines, coding, body)
    }

    fn of_lines(mut lines: String, coding: Option<Coding>, body: &[u8]) -> Form {
        if let Some(coding) = coding {
            lines.push_str(&format!("Content-Encoding: {}\r\n", coding.name()));
        }
        lines.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let head_bytes = lines.len();
        let mut bytes = lines.into_bytes();
        bytes.extend_from_slice(body);
        Form {
            bytes: bytes.into(),
            head_bytes,
            sent: 0,
        }
    }

    /// This form in a coding: the same lines, another tag, another body.
    fn coded(&self, coding: Coding, effort: Effort) -> Option<Form> {
        let (head, body) = self.bytes.split_at(self.head_bytes);
        let head = str::from_utf8(head).expect("the lines were text");
        let (etag, rest) = head.split_once("\"\r\n").expect("the tag comes first");
        let (rest, _length) = rest
            .split_once("Content-Length")
            .expect("the length comes last");
        let suffix = str::from_utf8(coding.tag_suffix()).expect("a suffix is ASCII");
        let mut coded = Vec::new();
        compress(coding, effort, body, &mut coded).ok()?;
        let better = match effort {
            Effort::Usual => "",
            Effort::Kept => str::from_utf8(BETTER_SUFFIX).expect("a suffix is ASCII"),
        };
        let lines = format!("{etag}{suffix}{better}\"\r\n{rest}");
        Some(Form::of_lines(lines, Some(coding), &coded))
    }
}

/// Topics that one reply depends on at most.
const TOPICS_MAX: usize = 4;
/// The codings and the plain form, which comes last.
const FORMS: usize = Coding::ALL.len() + 1;
const PLAIN: usize = Coding::ALL.len();
/// What an entry takes besides its bytes, and its place in the table.
const ENTRY_BYTES: usize = size_of::<Entry>() + 64;
/// The share of the cache that one entry may take: 1/64.
const ENTRY_SHARE: usize = 64;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::super::policy::DoorPolicy;
    use super::super::rehearsal::rehearse;
    use super::*;

    /// Topics are numbers, and so are their generations.
    #[derive(Default)]
    struct Clock(RefCell<HashMap<u32, u64>>);

    impl Generations for Clock {
        type Topic = u32;

        fn generation(&self, topic: u32) -> u64 {
            self.0.borrow().get(&topic).copied().unwrap_or(0)
        }
    }

    impl Clock {
        fn move_on(&self, topic: u32) {
            *self.0.borrow_mut().entry(topic).or_default() += 1;
        }
    }

    struct Sent {
        head: String,
        body: Vec<u8>,
        was_rendered: bool,
    }

    const PLAIN_GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    const GZIP: &str = "Accept-Encoding: gzip\r\n";

    fn ask(
        cache: &ReplyCache,
        clock: &Clock,
        request: (&str, &str, &str),
        topics: &[u32],
        value: &str,
    ) -> Sent {
        let (method, target, lines) = request;
        let text = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let (mut out, mut was_rendered) = (Vec::new(), false);
        rehearse(text.as_bytes(), &DoorPolicy::default(), |rehearsal| {
            rehearsal.reply(&mut out, |reply| {
                let render = || {
                    was_rendered = true;
                    Ok(Rendered::json(&value))
                };
                cache
                    .serve(clock, rehearsal.request(), reply, topics, render)
                    .unwrap();
            });
        });
        let end = out.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let body = out.split_off(end);
        Sent {
            head: String::from_utf8(out).unwrap(),
            body,
            was_rendered,
        }
    }

    fn get(cache: &ReplyCache, clock: &Clock, target: &str, value: &str) -> Sent {
        ask(cache, clock, ("GET", target, ""), &[1], value)
    }

    fn from_gzip(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(bytes);
        decoder.read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn a_kept_reply_is_the_one_that_was_rendered() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        for method in ["GET", "HEAD"] {
            for value in ["short".to_owned(), "long".repeat(1000)] {
                let target = format!("/{method}/{}", value.len());
                for lines in ["", "Accept-Encoding: br\r\n", GZIP] {
                    let request = (method, &*target, lines);
                    let first = ask(&cache, &clock, request, &[1], &value);
                    let second = ask(&cache, &clock, request, &[1], &value);
                    assert_eq!(first.was_rendered, lines.is_empty());
                    assert!(!second.was_rendered);
                    assert_eq!((first.head, first.body), (second.head, second.body));
                }
            }
        }
        let tally = cache.tally();
        assert_eq!((tally.misses, tally.hits), (4, 20));
    }

    #[test]
    fn each_coding_is_read_again_and_has_its_tag() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        let plain = get(&cache, &clock, "/x", &"a word ".repeat(500));
        assert!(plain.head.contains("Vary: Accept-Encoding\r\n"));
        let gzip = ask(&cache, &clock, ("GET", "/x", GZIP), &[1], "");
        assert!(gzip.head.contains("-gzip\"\r\n"), "{}", gzip.head);
        assert!(gzip.head.contains("Content-Encoding: gzip\r\n"));
        assert_eq!(from_gzip(&gzip.body), plain.body);
        let request = ("GET", "/x", "Accept-Encoding: zstd\r\n");
        let zstd = ask(&cache, &clock, request, &[1], "");
        assert_eq!(zstd::decode_all(&*zstd.body).unwrap(), plain.body);
    }

    #[test]
    fn what_is_sent_often_is_compressed_again() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        let value: String = (0..900)
            .map(|number| format!("{} ", number * 7919 % 997))
            .collect();
        let request = ("GET", "/x", "Accept-Encoding: br\r\n");
        let sent: Vec<_> = (0..COMPRESSED_AGAIN_AFTER + 3)
            .map(|_| ask(&cache, &clock, request, &[1], &value).body)
            .collect();
        let (first, last) = (&sent[0], &sent[sent.len() - 1]);
        assert!(last.len() < first.len(), "{} {}", last.len(), first.len());
        let changes = sent.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 1, "once");
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &**last, &mut plain).unwrap();
        assert_eq!(serde_json::from_slice::<String>(&plain).unwrap(), value);
        let kept = cache.bytes();
        cache.set_bytes_max(0);
        assert_eq!(cache.bytes(), 0, "of {kept}");
    }

    #[test]
    fn who_has_it_is_told_so() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        let tag_of = |sent: &Sent| {
            let mut lines = sent.head.lines();
            let line = lines.find_map(|line| line.strip_prefix("ETag: "));
            line.unwrap().to_owned()
        };
        let etag = tag_of(&get(&cache, &clock, "/x", &"a word ".repeat(500)));
        let coded = format!("{}-br\"", etag.trim_end_matches('"'));
        let better = format!("{}-br+\"", etag.trim_end_matches('"'));
        let takes = "Accept-Encoding: br\r\n";
        for (lines, known) in [
            (format!("If-None-Match: {etag}\r\n"), Some(&etag)),
            (
                format!("If-None-Match: \"x\", W/{etag}\r\n{takes}"),
                Some(&etag),
            ),
            (format!("If-None-Match: {coded}\r\n{takes}"), Some(&coded)),
            (format!("If-None-Match: {better}\r\n{takes}"), Some(&better)),
            (format!("If-None-Match: {coded}\r\n"), None),
            ("If-None-Match: \"x\"\r\n".to_owned(), None),
        ] {
            let sent = ask(&cache, &clock, ("GET", "/x", &lines), &[1], "");
            let is_304 = sent.head.starts_with("HTTP/1.1 304 ");
            assert_eq!(is_304, known.is_some(), "{lines}");
            if let Some(known) = known {
                assert_eq!((&tag_of(&sent), &*sent.body), (known, b"".as_slice()));
                assert!(sent.head.contains("Vary: Accept-Encoding\r\n"));
            }
        }
    }

    #[test]
    fn what_moves_while_it_is_rendered_is_rendered_again() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        rehearse(PLAIN_GET.as_bytes(), &DoorPolicy::default(), |rehearsal| {
            rehearsal.reply(&mut Vec::new(), |reply| {
                let render = || {
                    clock.move_on(1);
                    Ok(Rendered::json(&"old"))
                };
                let served = cache.serve(&clock, rehearsal.request(), reply, &[1], render);
                served.unwrap();
            });
        });
        assert!(get(&cache, &clock, "/x", "new").was_rendered);
        assert!(!get(&cache, &clock, "/x", "new").was_rendered);
    }

    #[test]
    fn failures_are_not_kept() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        rehearse(PLAIN_GET.as_bytes(), &DoorPolicy::default(), |rehearsal| {
            rehearsal.reply(&mut Vec::new(), |reply| {
                let render = || Err(Problem::new(404, ""));
                let served = cache.serve(&clock, rehearsal.request(), reply, &[1], render);
                assert_eq!(served.unwrap_err().status, 404);
            });
        });
        assert!(get(&cache, &clock, "/x", "found").was_rendered);
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
        let long = "x".repeat((1 << 20) / ENTRY_SHARE);
        get(&cache, &clock, "/long", &long);
        assert!(get(&cache, &clock, "/long", &long).was_rendered);
        let target = format!("/{}", "x".repeat(CACHED_TARGET_BYTES_MAX));
        get(&cache, &clock, &target, "");
        assert!(get(&cache, &clock, &target, "").was_rendered);
        let none = ReplyCache::new(0);
        get(&none, &clock, "/x", "");
        assert!(get(&none, &clock, "/x", "").was_rendered);
        assert_eq!(none.bytes(), 0);
    }

    #[test]
    fn what_is_wanted_stays() {
        let (cache, clock) = (ReplyCache::new(100_000), Clock::default());
        let value = "x".repeat(500);
        for number in 0..2000 {
            get(&cache, &clock, &format!("/{number}"), &value);
            get(&cache, &clock, "/hot", &value);
            assert!(cache.bytes() <= 100_000);
        }
        let tally = cache.tally();
        assert_eq!(
            (tally.misses, tally.hits),
            (2001, 1999),
            "the hot one stays"
        );
        assert!(tally.evictions > 1000, "{tally:?}");
        cache.set_bytes_max(0);
        assert_eq!(cache.bytes(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u8, &'static str),
        Move(u32),
        Bound(usize),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let lines = prop_oneof![Just(""), Just(GZIP)];
        let bound = prop_oneof![Just(0), Just(200_000), Just(1 << 20)];
        prop_oneof![
            8 => (0..12_u8, lines).prop_map(|(target, lines)| Step::Ask(target, lines)),
            2 => (0..4_u32).prop_map(Step::Move),
            1 => bound.prop_map(Step::Bound),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against the truth of each moment.
        #[test]
        fn nothing_stale_is_served(steps in prop::collection::vec(any_step(), 1..120)) {
            let (cache, clock) = (ReplyCache::new(1 << 20), Clock::default());
            let mut bound = 1 << 20;
            for step in steps {
                match step {
                    Step::Ask(target, lines) => {
                        let topics = [u32::from(target % 4), 9];
                        let generation = clock.generation(topics[0]);
                        let padding = "x".repeat(usize::from(target) * 200);
                        let truth = format!("{target} {generation} {padding}");
                        let request = ("GET", &*format!("/{target}"), lines);
                        let sent = ask(&cache, &clock, request, &topics, &truth);
                        let body = if sent.head.contains("Content-Encoding") {
                            from_gzip(&sent.body)
                        } else {
                            sent.body
                        };
                        let told: String = serde_json::from_slice(&body).unwrap();
                        prop_assert_eq!(told, truth);
                        prop_assert!(cache.bytes() <= bound);
                    }
                    Step::Move(topic) => clock.move_on(topic),
                    Step::Bound(bytes) => {
                        bound = bytes;
                        cache.set_bytes_max(bytes);
                    }
                }
            }
        }
    }
}
