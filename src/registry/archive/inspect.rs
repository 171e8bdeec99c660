//! The whole look at an archive, in steps.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::fault::ArchiveFault;
use super::inspected::{Inspected, Readme};
use super::manifest::Manifest;
use super::path::{EntryPath, shown};
use super::tar::{Block, Header, Kind, PaxRecords, padding, path_of_pax, read_header, read_whole};
use crate::limits::{
    ARCHIVE_ENTRIES_MAX, ARCHIVE_EXTENSION_BYTES_MAX, ARCHIVE_RATIO_FREE_BYTES, ARCHIVE_RATIO_MAX,
    ARCHIVE_STEP_BYTES, ARCHIVE_UNPACKED_BYTES_MAX, PACKAGE_JSON_BYTES_MAX, README_BYTES_MAX,
};
use crate::registry::name::PackageName;

/// A look at an archive that has begun.
pub struct Inspection<R> {
    input: Unpacking<R>,
    name: PackageName,
    version: String,
    found: Inspected,
    manifest: Option<Manifest>,
    has_gyp: bool,
    entries: u64,
    top: Option<Box<str>>,
    /// What an extension said of the next entry.
    next: PaxRecords,
    /// Bytes to the next header.
    skipped: u64,
    stage: Stage,
}

/// How far a look has come.
pub enum Step {
    /// There is more to read.
    More,
    /// That was all.
    Done(Box<Inspected>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Entries,
    /// Behind the end of the tar.
    Tail,
}

/// Looks at a whole archive; blocks, for seconds where it is long.
///
/// # Errors
/// Why it is refused.
pub fn inspect<R: Read>(
    reader: R,
    name: &PackageName,
    version: &str,
) -> Result<Inspected, ArchiveFault> {
    let mut inspection = Inspection::begin(reader, name.clone(), version.to_owned());
    loop {
        if let Step::Done(found) = inspection.step()? {
            return Ok(*found);
        }
    }
}

impl<R: Read> Inspection<R> {
    /// Begins a look at the archive of a version.
    pub fn begin(reader: R, name: PackageName, version: String) -> Inspection<R> {
        Inspection {
            input: Unpacking::new(reader),
            name,
            version,
            found: Inspected::default(),
            manifest: None,
            has_gyp: false,
            entries: 0,
            top: None,
            next: PaxRecords::default(),
            skipped: 0,
            stage: Stage::Entries,
        }
    }

    /// Reads on for a moment. Blocks.
    ///
    /// # Errors
    /// Why the archive is refused.
    pub fn step(&mut self) -> Result<Step, ArchiveFault> {
        let end = self.input.unpacked_bytes + ARCHIVE_STEP_BYTES;
        while self.input.unpacked_bytes < end {
            self.input.check()?;
            if self.skipped > 0 {
                self.skip()?;
            } else if self.stage == Stage::Tail {
                if self.read_tail()? == 0 {
                    return self.finish().map(Box::new).map(Step::Done);
                }
            } else {
                match read_header(&mut self.input)? {
                    Block::End => self.stage = Stage::Tail,
                    Block::Header(header) => self.entry(header)?,
                }
            }
        }
        Ok(Step::More)
    }

    fn entry(&mut self, header: Header) -> Result<(), ArchiveFault> {
        self.entries += 1;
        if self.entries > ARCHIVE_ENTRIES_MAX {
            return Err(ArchiveFault::Entries);
        }
        match header.kind {
            Kind::Pax => {
                let records = self.extension(&header)?;
                let records = path_of_pax(&records)?;
                self.extend(records)
            }
            Kind::GnuLongName => {
                let mut path = self.extension(&header)?;
                while path.pop_if(|byte| *byte == 0).is_some() {}
                let (path, bytes) = (Some(path), None);
                self.extend(PaxRecords { path, bytes })
            }
            Kind::PaxGlobal => {
                let records = self.extension(&header)?;
                match path_of_pax(&records)? == PaxRecords::default() {
                    true => Ok(()),
                    false => Err(ArchiveFault::Tar("a path or a size for all entries")),
                }
            }
            Kind::Link => Err(ArchiveFault::Link {
                path: shown(&header.path),
            }),
            Kind::Other => Err(ArchiveFault::Kind {
                path: shown(&header.path),
            }),
            Kind::File | Kind::Folder => self.file_or_folder(header),
        }
    }

    fn file_or_folder(&mut self, header: Header) -> Result<(), ArchiveFault> {
        let next = std::mem::take(&mut self.next);
        if next.bytes.is_some_and(|bytes| bytes != header.bytes) {
            return Err(ArchiveFault::Tar("an entry with two sizes"));
        }
        let raw = next.path.unwrap_or(header.path);
        let path = EntryPath::parse(&raw)?;
        let odd = |cause| ArchiveFault::Path {
            cause,
            path: shown(&raw),
        };
        let top = &**self.top.get_or_insert_with(|| path.top.into());
        if top != path.top {
            return Err(odd("it lies in another folder than the entries before it"));
        }
        if header.kind == Kind::Folder {
            return Ok(());
        }
        if path.below.is_empty() || raw.ends_with(b"/") {
            return Err(odd("it is no file below the folder of the package"));
        }
        self.found.files += 1;
        self.found.unpacked_bytes = self.found.unpacked_bytes.saturating_add(header.bytes);
        self.skipped = header.bytes.saturating_add(padding_of(header.bytes)?);
        match path.below {
            "package.json" => self.read_manifest(header.bytes),
            // On a disk that does not tell upper case from lower it would take that one's place.
            name if name.eq_ignore_ascii_case("package.json") => {
                Err(odd("it is a package.json in other letters"))
            }
            "npm-shrinkwrap.json" => {
                self.found.has_shrinkwrap = true;
                Ok(())
            }
            "binding.gyp" => {
                self.has_gyp = true;
                Ok(())
            }
            name if is_readme(name) => self.read_readme(name.to_owned(), header.bytes),
            _ => Ok(()),
        }
    }

    fn read_manifest(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        if self.manifest.is_some() {
            return Err(ArchiveFault::TwoManifests);
        }
        if bytes > PACKAGE_JSON_BYTES_MAX {
            let cause = format!("it has more than {PACKAGE_JSON_BYTES_MAX} bytes");
            return Err(ArchiveFault::Manifest(cause));
        }
        let text = self.content(bytes)?;
        let mut manifest = Manifest::parse(&text)?;
        manifest.check(&self.name, &self.version)?;
        self.found.bin = manifest.bin.take();
        self.manifest = Some(manifest);
        Ok(())
    }

    /// Takes the beginning of a README; one in Markdown goes before others.
    fn read_readme(&mut self, file: String, bytes: u64) -> Result<(), ArchiveFault> {
        let is_better = is_markdown(&file);
        let known = self.found.readme.as_ref();
        if known.is_some_and(|known| is_markdown(&known.file) || !is_better) {
            return Ok(());
        }
        let text = self.content(bytes.min(README_BYTES_MAX))?;
        let mut text = String::from_utf8_lossy(&text).into_owned();
        // What was cut inside of a character.
        while text.ends_with(char::REPLACEMENT_CHARACTER) && bytes > README_BYTES_MAX {
            text.pop();
        }
        self.found.readme = Some(Readme { file, text });
        Ok(())
    }

    /// The first bytes of the entry that is to be skipped.
    fn content(&mut self, bytes: u64) -> Result<Vec<u8>, ArchiveFault> {
        let mut content = vec![0; usize::try_from(bytes).map_err(|_| ArchiveFault::Unpacked)?];
        let count = read_whole(&mut self.input, &mut content)?;
        if count < content.len() {
            return Err(ArchiveFault::Truncated);
        }
        self.skipped -= bytes;
        Ok(content)
    }

    /// The content of an entry that only says something of the next.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, ArchiveFault> {
        if header.bytes > ARCHIVE_EXTENSION_BYTES_MAX {
            return Err(ArchiveFault::Tar("a header's extension is too long"));
        }
        self.skipped = header.bytes + padding(header.bytes);
        self.content(header.bytes)
    }

    fn extend(&mut self, records: PaxRecords) -> Result<(), ArchiveFault> {
        if self.next.path.is_some() && records.path.is_some() {
            return Err(ArchiveFault::Tar("an entry with two paths"));
        }
        self.next.path = records.path.or(self.next.path.take());
        self.next.bytes = records.bytes.or(self.next.bytes);
        Ok(())
    }

    fn skip(&mut self) -> Result<(), ArchiveFault> {
        let mut scratch = [0; SCRATCH_BYTES];
        let most = self.skipped.min(SCRATCH_BYTES as u64) as usize;
        let count = read_whole(&mut self.input, &mut scratch[..most])?;
        self.skipped -= count as u64;
        match count {
            0 => Err(ArchiveFault::Truncated),
            _ => Ok(()),
        }
    }

    /// Readers differ in what they make of a header behind a block of zeros, so there is none.
    fn read_tail(&mut self) -> Result<usize, ArchiveFault> {
        let mut scratch = [0; SCRATCH_BYTES];
        let count = read_whole(&mut self.input, &mut scratch)?;
        match scratch[..count].iter().all(|byte| *byte == 0) {
            true => Ok(count),
            false => Err(ArchiveFault::AfterTar),
        }
    }

    fn finish(&mut self) -> Result<Inspected, ArchiveFault> {
        if self.next != PaxRecords::default() {
            return Err(ArchiveFault::Truncated);
        }
        self.input.check_end()?;
        let manifest = self.manifest.take().ok_or(ArchiveFault::NoManifest)?;
        let builds_gyp = self.has_gyp && manifest.builds_gyp();
        self.found.has_install_script = manifest.has_install_script() || builds_gyp;
        Ok(std::mem::take(&mut self.found))
    }
}

/// What comes out of the gzip, counted.
struct Unpacking<R> {
    gzip: GzDecoder<BufReader<Counted<R>>>,
    unpacked_bytes: u64,
}

struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Unpacking<R> {
    fn new(reader: R) -> Unpacking<R> {
        let counted = Counted { reader, bytes: 0 };
        Unpacking {
            gzip: GzDecoder::new(BufReader::with_capacity(SCRATCH_BYTES, counted)),
            unpacked_bytes: 0,
        }
    }

    fn check(&self) -> Result<(), ArchiveFault> {
        if self.unpacked_bytes > ARCHIVE_UNPACKED_BYTES_MAX {
            return Err(ArchiveFault::Unpacked);
        }
        let packed_bytes = self.gzip.get_ref().get_ref().bytes;
        let is_free = self.unpacked_bytes <= ARCHIVE_RATIO_FREE_BYTES;
        match is_free || self.unpacked_bytes / ARCHIVE_RATIO_MAX <= packed_bytes {
            true => Ok(()),
            false => Err(ArchiveFault::Ratio),
        }
    }

    /// Some readers go on behind the end of a gzip and some do not, so nothing but zeros stands
    /// there.
    fn check_end(&mut self) -> Result<(), ArchiveFault> {
        let rest = self.gzip.get_mut();
        loop {
            let bytes = rest.fill_buf().map_err(ArchiveFault::System)?;
            if bytes.is_empty() {
                return Ok(());
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(ArchiveFault::AfterGzip);
            }
            let count = bytes.len();
            rest.consume(count);
        }
    }
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.gzip.read(buffer)?;
        self.unpacked_bytes += count as u64;
        Ok(count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

fn padding_of(bytes: u64) -> Result<u64, ArchiveFault> {
    match bytes > ARCHIVE_UNPACKED_BYTES_MAX {
        true => Err(ArchiveFault::Unpacked),
        false => Ok(padding(bytes)),
    }
}

/// Whether a file at the top is one, as npm looks for it.
fn is_readme(name: &str) -> bool {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    stem.eq_ignore_ascii_case("readme") && !name.contains('/')
}

fn is_markdown(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    MARKDOWN.iter().any(|end| name.ends_with(end))
}

const MARKDOWN: [&str; 3] = [".md", ".markdown", ".mkd"];
const SCRATCH_BYTES: usize = 32 << 10;
