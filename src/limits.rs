//! Every bound in one place, units in the names, and the assertions that tie them together.

use std::time::Duration;

use thirteen_kernels::http::HEAD_BYTES_MAX;

/// How long shards may take to start.
pub const START_PATIENCE: Duration = Duration::from_secs(10);
/// A shard that does not answer within this time does not turn.
pub const SHARD_PATIENCE: Duration = Duration::from_secs(1);
/// Entries of a shard's submission queue; the completion queue has four times as many.
pub const RING_ENTRIES: u32 = 2048;
/// Receive buffers of a shard, 4 KiB each: twice the connections that are active at one moment.
pub const RING_BUFFERS: u16 = 2048;
/// Completions handled before the tasks that they woke run: bounds how long another thread's job
/// waits on a saturated shard.
pub const RING_COMPLETIONS_PER_TURN_MAX: usize = 128;
/// Jobs of other threads that a shard runs before it looks at its network again.
pub const SHARD_JOBS_PER_TURN_MAX: usize = 256;

/// Threads that run what may block: password hashing, file writes, name lookups.
pub const OFFLOAD_THREADS: usize = 4;
/// Jobs that wait for such a thread; one more is refused.
pub const OFFLOAD_QUEUE_MAX: usize = 1024;

/// Passwords that are hashed at once, by all shards together; each takes 19 MiB. The other threads
/// are for a letter on its way out and for whatever else may block.
pub const HASHES_RUNNING_MAX: usize = OFFLOAD_THREADS - 2;
/// Passwords that wait on one shard to be hashed; one more is answered 503.
pub const HASHES_WAITING_MAX: usize = 64;
/// Characters of the shortest password.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;
/// Characters of the longest password.
pub const PASSWORD_CHARACTERS_MAX: usize = 128;
/// Bytes of the longest signed token; ours have some 450.
pub const TOKEN_BYTES_MAX: usize = 1024;
/// Verified tokens that one shard remembers.
pub const TOKENS_REMEMBERED_MAX: usize = 8192;

/// Credentials of the registry that one shard remembers as good.
pub const CREDENTIALS_REMEMBERED_MAX: usize = 4096;
/// Names of packages whose access one shard remembers.
pub const PACKAGE_ACCESS_REMEMBERED_MAX: usize = 16 << 10;
/// How long a search waits for an upstream's answer.
pub const SEARCH_PATIENCE: Duration = Duration::from_secs(5);
/// The longest body of a question for advisories, as it is sent.
pub const ADVISORY_BODY_BYTES_MAX: u64 = 8 << 20;
/// The longest one without its coding.
pub const ADVISORY_PLAIN_BYTES_MAX: usize = 8 << 20;
/// Packages and versions that one tells of. Ten thousand are a big installation.
pub const ADVISORY_NAMES_MAX: usize = 64 << 10;
/// Bytes that all questions hold at once, as they come and read; one more is answered 503.
pub const ADVISORY_HELD_BYTES_MAX: usize = 96 << 20;
/// Questions and answers that are taken apart at once, by all shards together.
pub const ADVISORY_READS_MAX: usize = 2;
/// How long a question waits for that.
pub const ADVISORY_PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer of an upstream.
pub const ADVISORY_ANSWER_BYTES_MAX: usize = 4 << 20;
/// What an answer takes when it is taken apart, for each of its bytes.
pub const ADVISORY_ANSWER_WEIGHT: usize = 8;
/// Bytes of all paths that a report of the older form tells; others are left out.
pub const ADVISORY_PATH_BYTES_MAX: usize = 4 << 20;
/// How long an upstream's advisories are given again.
pub const ADVISORIES_FRESH: Duration = Duration::from_secs(60);
/// Answers of upstreams that one shard keeps for as long.
pub const ADVISORIES_KEPT_MAX: usize = 64;
/// Bytes of those.
pub const ADVISORIES_KEPT_BYTES_MAX: usize = 8 << 20;
/// The longest OSV file that is read.
pub const OSV_FILE_BYTES_MAX: u64 = 4 << 20;
/// How long the dashboard's configuration counts as the same while only the uptime moves on.
pub const DASHBOARD_CONFIG_FRESH: Duration = Duration::from_secs(60);
/// Tokens that an account of the registry may have.
pub const ACCOUNT_TOKENS_MAX: u64 = 1000;

/// Connections of one shard above its limit that are answered 503 before they are closed; past
/// these a connection is closed unread.
pub const REFUSALS_MAX: usize = 64;
/// Bytes of a reply that collect before they are sent while more requests are at hand.
pub const PIPELINE_BYTES_MAX: usize = 64 << 10;
/// Requests of one connection that are answered before others get their turn.
pub const PIPELINE_REQUESTS_MAX: usize = 64;
/// Bytes of a body that nobody wants and that are read past so that the connection can be kept.
pub const DISCARD_BYTES_MAX: u64 = 64 << 10;
/// Bytes read from a peer that is told to go, so that it can read why.
pub const LINGER_BYTES_MAX: usize = 256 << 10;
/// How long such a peer is given between two pieces of these.
pub const LINGER_PATIENCE: Duration = Duration::from_secs(1);
/// Notices that a shard keeps for clients of the configuration whose socket is busy.
pub const NOTICES_KEPT_MAX: usize = 64;
/// How long the peer of a WebSocket has to answer our close frame.
pub const WEBSOCKET_CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How long an idle connection is kept open while the server drains, so that a request which is on
/// its way is still answered.
pub const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// Bytes of a streamed reply that collect before they are sent.
pub const STREAM_BYTES_MAX: usize = 16 << 10;
/// The shortest body that is compressed: a shorter one fits the packet of its head.
pub const COMPRESSED_BYTES_MIN: usize = 1 << 10;
/// The longest body that a shard compresses itself: brotli, the slowest, takes 7 µs for a KB. A
/// longer one is sent as it is, unless its handler waits.
pub const COMPRESSED_HERE_BYTES_MAX: usize = 128 << 10;
/// The shortest body that another thread compresses where the handler waits.
pub const COMPRESSED_ELSEWHERE_BYTES_MIN: usize = 32 << 10;
/// The longest kept reply that is worth a second, better compression.
pub const COMPRESSED_AGAIN_BYTES_MAX: usize = 32 << 10;
/// How often a kept reply is sent before it is.
pub const COMPRESSED_AGAIN_AFTER: u32 = 16;
/// Proxies that a request may have passed, by what they say of its client.
pub const FORWARDED_HOPS_MAX: usize = 16;
/// Bytes of `X-Forwarded-For` and `Forwarded` that are read.
pub const FORWARDED_BYTES_MAX: usize = 2 << 10;
/// The longest document of a package that is compressed with the effort of what is kept. Nobody has
/// measured where that effort stops to pay; longer ones are packed with the effort of other
/// replies, so that a change of a package with thousands of versions does not wait for it.
pub const DOCUMENT_PACKED_WELL_BYTES_MAX: usize = 4 << 20;
/// The shortest document that is: of a shorter one a publish would spend more on that than readers
/// save, who get it in a few packets either way.
pub const DOCUMENT_PACKED_WELL_BYTES_MIN: usize = 16 << 10;
/// The texts of a package whose documents a shard builds itself: what comes of them is short, in
/// less than a tenth of a millisecond, which is what handing them to another thread costs.
pub const DOCUMENTS_BUILT_HERE_BYTES_MAX: usize = 4 << 10;
/// Bases, but for the one that they are stored for, for which a shard keeps a package's documents.
pub const DOCUMENT_VARIANTS_MAX: usize = 8;
/// Bytes of documents, as they are without a coding, that a shard has made for other bases at once.
pub const DOCUMENT_VARIANT_BYTES_MAX: u64 = 64 << 20;
/// And in a second, from then on.
pub const DOCUMENT_VARIANT_BYTES_PER_S: u64 = 1 << 20;
/// Owners of a package.
pub const OWNERS_MAX: usize = 100;
/// Changes of one package that wait for their turn.
pub const PACKAGE_TURNS_WAITING_MAX: usize = 256;
/// Versions whose rows a shard reads itself when their package changes.
pub const PACKAGE_VERSIONS_READ_HERE_MAX: i64 = 64;
/// Body of a request that changes a package's document: clients send all of it back.
pub const DOCUMENT_BODY_BYTES_MAX: u64 = 16 << 20;
/// What an entry of a document in memory counts besides its bytes.
pub const DOCUMENT_ENTRY_BYTES: usize = 2 << 10;
/// The longest document that is copied into a reply instead of being sent from where it lies.
pub const DOCUMENT_PROMPT_BYTES_MAX: usize = 32 << 10;
/// How often a document is looked for whose package changes meanwhile.
pub const DOCUMENT_TRIES_MAX: usize = 4;
/// The longest target whose reply is kept in the cache of replies.
pub const CACHED_TARGET_BYTES_MAX: usize = 1 << 10;
/// Segments of a path; one with more matches no route.
pub const PATH_SEGMENTS_MAX: usize = 32;
/// Body of a request to change the configuration.
pub const CONFIG_BODY_BYTES_MAX: u64 = 4 << 10;

/// How deep the JSON of a request may be nested.
pub const JSON_DEPTH_MAX: usize = 32;
/// Bytes of a free-form JSON object within a request, as compact text.
pub const DOCUMENT_BYTES_MAX: usize = 16 << 10;
/// Body of a request to the commerce API.
pub const BODY_BYTES_MAX: u64 = 64 << 10;
/// Body of a request with many changes of products at once.
pub const BULK_BODY_BYTES_MAX: u64 = 8 << 20;
/// Changes in one such request.
pub const BULK_OPERATIONS_MAX: usize = 1000;
/// Changes in one where all are done or none: they are one command, for which all others wait.
pub const BULK_WHOLE_OPERATIONS_MAX: usize = 200;
/// Changes of such a request that are one command: other writers wait for no more than these.
pub const BULK_OPERATIONS_PER_COMMAND: usize = 50;
/// Categories of the shop.
pub const CATEGORIES_MAX: u64 = 5000;
/// Categories whose lists of products are merged for a page of all; a family with more is met along
/// the list of the shop.
pub const CATEGORY_LANES_MAX: usize = 32;
/// The longest file that is uploaded.
pub const UPLOAD_BYTES_MAX: u64 = 32 << 20;
/// Bytes of an upload that are in memory: what collects for one write, while the one before is
/// written.
pub const UPLOAD_PIECE_BYTES: usize = 256 << 10;
/// Uploads that a vendor may ask for before the files have come.
pub const VENDOR_UPLOADS_AWAITED_MAX: u64 = 100;
/// Files that a vendor may have stored, those awaited among them.
pub const VENDOR_UPLOADS_MAX: u64 = 5000;
/// Bytes of these files.
pub const VENDOR_UPLOADS_BYTES_MAX: u64 = 4 << 30;
/// As for a vendor, for an admin.
pub const ADMIN_UPLOADS_AWAITED_MAX: u64 = 1000;
/// As for a vendor, for an admin.
pub const ADMIN_UPLOADS_MAX: u64 = 200_000;
/// As for a vendor, for an admin.
pub const ADMIN_UPLOADS_BYTES_MAX: u64 = 256 << 30;
/// How long a file is kept that nothing of the catalogue names.
pub const UPLOAD_UNUSED_KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Uploads of a kind that one command of the sweeper forgets: other commands wait for it.
pub const UPLOAD_SWEEP_ROWS_MAX: i64 = 64;
/// How long a signed URL can be used.
pub const UPLOAD_URL_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Between two looks of the sweeper for reservations whose time is over.
pub const STOCK_SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Reservations that one command of the sweeper releases or forgets: other commands of the same
/// batch wait for it.
pub const STOCK_SWEEP_RESERVATIONS_MAX: i64 = 64;
/// How long a settled reservation is kept, for those who ask what became of it.
pub const STOCK_RESERVATION_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The document of a package at an upstream, as it comes and decoded.
pub const UPSTREAM_DOCUMENT_BYTES_MAX: usize = 64 << 20;
/// How long a document may take to come, from the first question on.
pub const UPSTREAM_DOCUMENT_PATIENCE: Duration = Duration::from_secs(120);
/// How long who asks for one waits; it goes on coming afterwards.
pub const UPSTREAM_PATIENCE: Duration = Duration::from_secs(60);
/// Bodies of upstreams that are in memory whole, by all shards together.
pub const UPSTREAM_BODIES_BYTES_MAX: usize = 256 << 20;
/// What becomes of such bodies on their way to documents, by all shards together: their text, where
/// its parts stand, the documents themselves.
pub const UPSTREAM_MAKING_BYTES_MAX: usize = 320 << 20;
/// What a text is guessed to need at the most while it is not known; once it is, that is told.
pub const UPSTREAM_MAKING_GUESS_MAX: usize = 192 << 20;
/// How long one that has come waits for others to be made; then who asked is answered 503.
pub const UPSTREAM_MAKING_PATIENCE: Duration = Duration::from_secs(60);
/// Versions of one package of an upstream; npm's longest lists have some ten thousand.
pub const UPSTREAM_VERSIONS_MAX: usize = 100_000;
/// Fields of an upstream's document that are taken apart: its own, and those of its versions. Ten
/// thousand versions of npm's have some four hundred thousand.
pub const UPSTREAM_FIELDS_MAX: usize = 1_000_000;
/// Fields of any JSON object that is taken apart.
pub const OBJECT_FIELDS_MAX: usize = 128 << 10;
/// Room that is made for a response's body ahead of what came of it.
pub const OUTGOING_AHEAD_BYTES: usize = 1 << 20;
/// How long such a body waits for others to make room; then who asked is answered 503.
pub const UPSTREAM_ROOM_PATIENCE: Duration = Duration::from_secs(10);
/// Another answer of an upstream that is passed on.
pub const UPSTREAM_PASSED_BYTES_MAX: usize = 16 << 20;
/// The tarball of an upstream.
pub const UPSTREAM_TARBALL_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a tarball that are written to the spool, and read from it, at once.
pub const UPSTREAM_PIECE_BYTES: usize = 128 << 10;
/// How often the rest of a tarball that was cut off is asked for.
pub const UPSTREAM_RESUMES_MAX: u32 = 2;
/// Tarballs that are fetched at once, by all shards together; one more is answered 503.
pub const UPSTREAM_TARBALLS_MAX: usize = 256;
/// Documents that are fetched at once because somebody waits for them; one more is answered 503.
pub const UPSTREAM_DOCUMENTS_MAX: usize = 128;
/// Documents that are asked about in the background at once; others stay stale a little longer.
pub const UPSTREAM_REFRESHES_MAX: usize = 16;
/// The longest `Via` that goes to an upstream: some forty servers.
pub const VIA_BYTES_MAX: usize = 2 << 10;
/// How long an upstream's 404 is believed, and a document that cannot be used; how long a package
/// is not asked about in the background after that was in vain.
pub const UPSTREAM_MISS_MS: u64 = 30_000;
/// Names that upstreams do not have, or nothing usable under, and that are remembered.
pub const UPSTREAM_MISSES_MAX: usize = 16_384;
/// When to come again for what an upstream did not answer.
pub const UPSTREAM_RETRY_SECONDS: u32 = 10;
/// How exactly it is known when something was last asked for.
pub const UPSTREAM_USE_MS: i64 = 10 * 60 * 1000;
/// Uses that a shard collects before they are written.
pub const UPSTREAM_USES_MAX: usize = 512;
/// How often they are written otherwise, and how often the cache is measured.
pub const UPSTREAM_USES_INTERVAL: Duration = Duration::from_secs(30);
/// Tarballs and documents that one command evicts.
pub const UPSTREAM_EVICTIONS_MAX: i64 = 256;

/// The longest span of time that a setting of the registry takes.
pub const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// Sessions that a TLS client keeps to resume, over all servers that it speaks to.
pub const TLS_SESSIONS_MAX: usize = 256;
/// Requests to other servers that one shard has under way, tunnels not among them; one more is
/// refused.
pub const OUTGOING_REQUESTS_MAX: usize = 512;
/// Connections to one server that a shard keeps for the next request.
pub const OUTGOING_IDLE_PER_TARGET_MAX: usize = 16;
/// Connections that a shard keeps in all.
pub const OUTGOING_IDLE_MAX: usize = 128;
/// How long one is kept: shorter than servers keep theirs, so that few close under a request.
pub const OUTGOING_IDLE_PATIENCE: Duration = Duration::from_secs(20);
/// The head of a response from another server.
pub const OUTGOING_HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers in such a head.
pub const OUTGOING_HEADERS_MAX: usize = 128;
/// Bytes read at once from a connection to another server.
pub const OUTGOING_READ_BYTES: usize = 16 << 10;
/// Addresses of one host that are tried.
pub const OUTGOING_ADDRESSES_MAX: usize = 4;
/// Redirects that are followed.
pub const OUTGOING_REDIRECTS_MAX: usize = 5;

/// How long the addresses of a host are used.
pub const DNS_TTL: Duration = Duration::from_secs(30);
/// How long a name that has none is not looked up again.
pub const DNS_MISS_TTL: Duration = Duration::from_secs(2);
/// Names of hosts that are kept, by the house and by each shard.
pub const DNS_NAMES_MAX: usize = 1024;
/// Names that are looked up at once: what else takes offload threads needs some too, and a
/// resolver that is gone holds each for many seconds.
pub const DNS_LOOKUPS_RUNNING_MAX: usize = 2;
/// Names that wait to be looked up; one more is refused.
pub const DNS_LOOKUPS_WAITING_MAX: usize = 256;
/// How often names that are about to expire are looked up ahead.
pub const DNS_WARM_INTERVAL: Duration = Duration::from_secs(10);
/// How often while too few are answered from the cache.
pub const DNS_WARM_INTERVAL_COLD: Duration = Duration::from_secs(3);
/// For how long after its last use a name is looked up ahead.
pub const DNS_KNOWN_SPAN: Duration = Duration::from_secs(10 * 60);

/// Bytes of the name that a proxy token is made for.
pub const PROXY_SUBJECT_BYTES_MAX: usize = 128;
/// Verified proxy tokens that one shard remembers, some 500 bytes each.
pub const PROXY_TOKENS_REMEMBERED_MAX: usize = 2048;
/// Bytes of a tunnel that are sent as one.
pub const TUNNEL_SEND_BYTES_MAX: usize = 64 << 10;

/// How long the outcomes are counted that a breaker opens for.
pub const BREAKER_WINDOW_MS: u64 = 60_000;
/// Parts of that window.
pub const BREAKER_BUCKETS: usize = 12;
/// Outcomes before which it does not open.
pub const BREAKER_OUTCOMES_MIN: u32 = 10;
/// How long an open one waits before it tries again.
pub const BREAKER_PAUSE_MS: u64 = 5_000;
/// Probes that have to end well before it closes.
pub const BREAKER_PROBES_MIN: u32 = 3;

/// Free space without which nothing can be stored.
pub const DISK_FREE_BYTES_MIN: u64 = 16 << 20;
/// Free space below which the start-up check advises to make room.
pub const DISK_FREE_BYTES_ADVISED: u64 = 1 << 30;
/// Changes of the configuration that wait for the disk; one more is refused.
pub const STATE_CHANGES_WAITING_MAX: usize = 4096;
/// The highest rate that can be counted: hits in a window.
pub const RATE_LIMIT_MAX: u32 = 1_000_000;
/// Peers whose rates are told apart; more of them share counts.
pub const RATE_KEYS_EXPECTED: usize = 16 << 10;

/// Commands of one shard that wait for a store's writer; one more is refused.
pub const STORE_QUEUE_MAX: usize = 1024;
/// Commands in one transaction: bounds how long its first one waits for the commit.
pub const STORE_BATCH_COMMANDS_MAX: usize = 512;
/// How long commands are taken into one transaction.
pub const STORE_BATCH_PATIENCE: Duration = Duration::from_millis(5);
/// How long the writer waits for another process that writes.
pub const STORE_BUSY_PATIENCE: Duration = Duration::from_secs(5);
/// How long a reader waits while another process recovers the log: a shard stands still.
pub const STORE_READER_BUSY_PATIENCE: Duration = Duration::from_millis(250);
/// Pages that the writer keeps in memory.
pub const STORE_WRITER_CACHE_KIB: i64 = 32 << 10;
/// Pages that each reader keeps in memory; the system's cache holds the others.
pub const STORE_READER_CACHE_KIB: i64 = 16 << 10;
/// Statements that a connection keeps prepared, a few KiB each.
pub const STORE_STATEMENTS_MAX: usize = 512;
/// Frames of the log, a page each, that are copied into the database when nobody waits.
pub const STORE_CHECKPOINT_FRAMES: i32 = 1000;
/// How long nothing is asked of a store that is at rest.
pub const STORE_REST_PATIENCE: Duration = Duration::from_millis(50);
/// Frames of the log that are copied even though commands wait.
pub const STORE_CHECKPOINT_FRAMES_MAX: i32 = 16_000;
/// What is kept of a log that has grown, once it starts over.
pub const STORE_WAL_KEPT_BYTES: i64 = 64 << 20;
/// How often a store whose disk failed tries to write.
pub const STORE_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Threads of a store's heavy lane.
pub const STORE_HEAVY_THREADS: usize = 2;
/// Heavy reads that wait for such a thread; one more is refused.
pub const STORE_HEAVY_QUEUE_MAX: usize = 256;
/// How long a heavy read may take.
pub const STORE_HEAVY_PATIENCE: Duration = Duration::from_secs(10);
/// Steps of SQLite's machine between two looks at that deadline, some 0.1 ms.
pub const STORE_HEAVY_STEPS: i32 = 10_000;
/// Pages that a copy of a store takes over in one step.
pub const STORE_COPY_PAGES: i32 = 1024;
/// Signs of damage of one kind that a check of a store lists.
pub const STORE_FAULTS_TOLD_MAX: usize = 20;
/// When a client whose write found no room may come again.
pub const STORE_RETRY_SECONDS: u32 = 1;

/// The longest content that lies in the row that names it instead of in a file: a shard waits for
/// its eight pages, about a millisecond of an SSD that has them nowhere in memory.
pub const BLOB_SHORT_BYTES_MAX: usize = 32 << 10;
/// Bytes of a file in the spool that are not on disk yet.
pub const BLOB_UNSYNCED_BYTES_MAX: u64 = 8 << 20;
/// Threads that wait for files to be on disk, so that as many share the disk's commits.
pub const BLOB_KEEPER_THREADS: usize = 32;
/// Between two looks through all files for those that no row names.
pub const BLOB_SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Files whose rows are looked for before others get their turn.
pub const BLOB_SWEEP_FILES_PER_LOOK: usize = 64;

/// Body of a publish: a tarball of 192 MiB as Base64 text.
pub const PUBLISH_BODY_BYTES_MAX: u64 = 256 << 20;
/// Bytes of such a body, or of a changed document, that are not the tarball.
pub const PUBLISH_DOCUMENT_BYTES_MAX: usize = 16 << 20;
/// How deep such a document may be nested.
pub const PUBLISH_DEPTH_MAX: usize = 64;
/// Bytes of a tarball that collect for one write, while the one before is written.
pub const PUBLISH_PIECE_BYTES: usize = 256 << 10;
/// The longest tarball that a shard keeps in memory once it was asked for.
pub const TARBALL_KEPT_BYTES_MAX: u64 = 256 << 10;
/// Bytes of the tarballs that a shard keeps so.
pub const TARBALLS_KEPT_BYTES_MAX: usize = 32 << 20;
/// The longest tarball that is copied into a reply instead of being sent from where it lies.
pub const TARBALL_PROMPT_BYTES_MAX: usize = 16 << 10;
/// Tarballs of which a shard remembers what file they are.
pub const TARBALL_PLACES_KEPT_MAX: usize = 16 << 10;
/// Bytes of one that is not kept which are read at once, while those before are sent.
pub const TARBALL_PIECE_BYTES: usize = 128 << 10;
/// Entries of a package's archive.
pub const ARCHIVE_ENTRIES_MAX: u64 = 500_000;
/// Bytes that an archive unpacks to.
pub const ARCHIVE_UNPACKED_BYTES_MAX: u64 = 2 << 30;
/// How many times its own size an archive may unpack to; gzip itself ends at 1032.
pub const ARCHIVE_RATIO_MAX: u64 = 300;
/// Bytes that an archive may unpack to at any ratio.
pub const ARCHIVE_RATIO_FREE_BYTES: u64 = 64 << 20;
/// Unpacked bytes that are looked at before others get the thread, some 40 ms.
pub const ARCHIVE_STEP_BYTES: u64 = 16 << 20;
/// Bytes of what an archive says of one entry beside its header: a long path, and times.
pub const ARCHIVE_EXTENSION_BYTES_MAX: u64 = 64 << 10;
/// The longest `package.json`.
pub const PACKAGE_JSON_BYTES_MAX: u64 = 2 << 20;
/// Bytes of a README that are kept, as npm's registry does.
pub const README_BYTES_MAX: u64 = 64 << 10;

/// Log lines that wait to be written, some 2 MiB of usual ones; a shard that floods loses lines
/// before it loses time.
pub const LOG_QUEUE_LINES_MAX: usize = 8192;
/// Bytes of the log lines that wait together and leave in one write.
pub const LOG_BATCH_BYTES_MAX: usize = 64 << 10;
/// The most that is kept of one text in a log line; what follows is cut and marked by `…`.
pub const LOG_TEXT_BYTES_MAX: usize = 4 << 10;
/// How long an output that takes nothing keeps a batch before it is given up.
pub const LOG_ROOM_PATIENCE: Duration = Duration::from_secs(1);
/// How long who waits for the log waits, to be taken and then to be written.
pub const LOG_FLUSH_PATIENCE: Duration = Duration::from_secs(1);
/// The longest flamegraph's capture, which holds an offload thread.
pub const CAPTURE_SECONDS_MAX: u32 = 30;
/// The length of a capture that names none.
pub const CAPTURE_SECONDS_DEFAULT: u32 = 5;

/// Bytes of a readme that `thirteen publish` sends with a manifest.
pub const PUBLISH_README_BYTES_MAX: usize = 256 << 10;
/// Bytes of the longest packument that `thirteen install` reads.
pub const INSTALL_PACKUMENT_BYTES_MAX: u64 = 128 << 20;
/// Bytes of the longest archive that it downloads.
pub const INSTALL_TARBALL_BYTES_MAX: u64 = 512 << 20;
/// Bytes that one archive may unpack to.
pub const INSTALL_UNPACKED_BYTES_MAX: u64 = 2 << 30;
/// Files and folders of one archive.
pub const INSTALL_ENTRIES_MAX: usize = 200_000;

const _: () = {
    assert!(RING_BUFFERS.is_power_of_two());
    assert!(RING_COMPLETIONS_PER_TURN_MAX <= RING_ENTRIES as usize);
    // Every completion of a turn may queue a send and a receive without filling the queue.
    assert!(RING_COMPLETIONS_PER_TURN_MAX * 2 <= RING_ENTRIES as usize);
    // Replies that a turn's completions let be written take no more memory than what the shard
    // receives into.
    let received_bytes_max = RING_BUFFERS as usize * (4 << 10);
    assert!(RING_COMPLETIONS_PER_TURN_MAX * PIPELINE_BYTES_MAX <= received_bytes_max);
    // What a shard does not compress itself another thread does, where the handler waits.
    assert!(COMPRESSED_BYTES_MIN < COMPRESSED_ELSEWHERE_BYTES_MIN);
    assert!(COMPRESSED_ELSEWHERE_BYTES_MIN <= COMPRESSED_HERE_BYTES_MAX);
    // A streamed reply is no less fair to other connections than pipelined ones.
    assert!(STREAM_BYTES_MAX <= PIPELINE_BYTES_MAX);

    // Each thread has work to take up at once; one is left to the state's file while a capture
    // holds another.
    assert!(OFFLOAD_QUEUE_MAX >= OFFLOAD_THREADS && OFFLOAD_THREADS >= 2);
    // Passwords are hashed, and never on every thread.
    assert!(HASHES_RUNNING_MAX >= 1 && HASHES_RUNNING_MAX < OFFLOAD_THREADS);

    // There is room for the longest text while it grows by doubling, and for others beside it.
    assert!(UPSTREAM_MAKING_GUESS_MAX < UPSTREAM_MAKING_BYTES_MAX);
    assert!(UPSTREAM_MAKING_GUESS_MAX >= 2 * UPSTREAM_DOCUMENT_BYTES_MAX);
    // As many versions as there may be are told apart from fields without end.
    assert!(OBJECT_FIELDS_MAX > UPSTREAM_VERSIONS_MAX);

    // A look-up ahead is over before what it replaces expires, and threads are left to others.
    assert!(2 * DNS_WARM_INTERVAL.as_millis() < DNS_TTL.as_millis());
    assert!(DNS_LOOKUPS_RUNNING_MAX + HASHES_RUNNING_MAX <= OFFLOAD_THREADS);
    assert!(OUTGOING_IDLE_PER_TARGET_MAX <= OUTGOING_IDLE_MAX);
    assert!(BREAKER_WINDOW_MS.is_multiple_of(BREAKER_BUCKETS as u64));

    // A change that is refused, for its rate or its contents, does not cost the connection.
    assert!(CONFIG_BODY_BYTES_MAX <= DISCARD_BYTES_MAX);
    // Whose head was too long, or whose body too long to be read past, can still read why.
    assert!(HEAD_BYTES_MAX as u64 + DISCARD_BYTES_MAX <= LINGER_BYTES_MAX as u64);
    // A shard that starts does more than one that answers.
    assert!(SHARD_PATIENCE.as_millis() < START_PATIENCE.as_millis());

    assert!(DISK_FREE_BYTES_MIN < DISK_FREE_BYTES_ADVISED);
    // One shard's queue fills more than one transaction, so the writer never idles for its sake.
    assert!(STORE_QUEUE_MAX >= STORE_BATCH_COMMANDS_MAX);
    assert!(0 < STORE_CHECKPOINT_FRAMES && STORE_CHECKPOINT_FRAMES < STORE_CHECKPOINT_FRAMES_MAX);
    // A log that must be copied is no larger than what is kept of it.
    assert!(STORE_CHECKPOINT_FRAMES_MAX as i64 * (4 << 10) <= STORE_WAL_KEPT_BYTES);
    // An archive is a bomb before it is too long.
    assert!(ARCHIVE_RATIO_FREE_BYTES < ARCHIVE_UNPACKED_BYTES_MAX);
    assert!(PACKAGE_JSON_BYTES_MAX < ARCHIVE_STEP_BYTES && README_BYTES_MAX < ARCHIVE_STEP_BYTES);
    // The longest text fits a batch with the rest of its line.
    assert!(LOG_TEXT_BYTES_MAX * 2 <= LOG_BATCH_BYTES_MAX);
    // Who waits for the log does not give up before the output's own time is over.
    assert!(LOG_FLUSH_PATIENCE.as_millis() >= LOG_ROOM_PATIENCE.as_millis());
    assert!(0 < CAPTURE_SECONDS_DEFAULT && CAPTURE_SECONDS_DEFAULT <= CAPTURE_SECONDS_MAX);
};
