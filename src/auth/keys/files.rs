//! The key files: made once, rotated, read again while the server runs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Key, Keys, KeysFault, folder};

/// What a rotation did.
#[derive(Debug)]
pub struct Rotation {
    /// The key that signs from here on.
    pub kid: String,
    /// The keys that are gone, with every token that they signed.
    pub removed: Vec<String>,
}

/// The keys of a data folder; a folder without any gets its first.
///
/// # Errors
/// When the files cannot be read, are exposed to others, or are none of ours.
pub fn open_or_create(data: &Path) -> Result<Keys, KeysFault> {
    let lock = Lock::take(data)?;
    if live_of(data)?.is_empty() {
        create(data)?;
    }
    let secret = folder(data).join(SECRET);
    if !secret.try_exists().map_err(io_of(&secret))? {
        write(&secret, &bytes()?)?;
    }
    drop(lock);
    reopen(data)
}

/// The keys of a data folder that has some.
///
/// # Errors
/// As [`open_or_create`].
pub fn reopen(data: &Path) -> Result<Keys, KeysFault> {
    let secret = folder(data).join(SECRET);
    let bytes = read(&secret)?;
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| KeysFault::Malformed(secret.clone()))?;
    let keys = Keys::of(live_of(data)?, bytes);
    keys.ok_or(KeysFault::Io(
        folder(data),
        io::Error::new(io::ErrorKind::NotFound, "there is no key"),
    ))
}

/// Makes a key that signs from here on and removes all but the one before it.
///
/// # Errors
/// As [`open_or_create`].
pub fn rotate(data: &Path) -> Result<Rotation, KeysFault> {
    open_or_create(data)?;
    let _lock = Lock::take(data)?;
    let fresh = create(data)?;
    let live = reopen(data)?;
    let mut removed = Vec::new();
    for key in live_of(data)? {
        if !live.kids().any(|kid| kid == key.kid) {
            let path = path_of(data, &key.kid);
            fs::remove_file(&path).map_err(io_of(&path))?;
            removed.push(key.kid);
        }
    }
    sync_folder(data)?;
    Ok(Rotation {
        kid: fresh.kid,
        removed,
    })
}

/// Keeps other processes from making keys at the same time.
struct Lock {
    _file: File,
}

impl Lock {
    fn take(data: &Path) -> Result<Lock, KeysFault> {
        let folder = folder(data);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(io_of(&folder))?;
        let path = folder.join("lock");
        let file = private().truncate(false).open(&path);
        let file = file.map_err(io_of(&path))?;
        file.lock().map_err(io_of(&path))?;
        Ok(Lock { _file: file })
    }
}

/// A key younger than every other, written.
fn create(data: &Path) -> Result<Key, KeysFault> {
    let youngest = live_of(data)?.iter().map(|key| key.created_ms).max();
    let now_ms = crate::telemetry::process::unix_ms();
    let created_ms = youngest.map_or(now_ms, |youngest| now_ms.max(youngest + 1));
    let key = Key::of_seed(bytes()?, created_ms);
    let jwk = format!("{:#}\n", key.private_jwk());
    write(&path_of(data, &key.kid), jwk.as_bytes())?;
    Ok(key)
}

fn live_of(data: &Path) -> Result<Vec<Key>, KeysFault> {
    let folder = folder(data);
    let mut keys = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io_of(&folder))? {
        let path = entry.map_err(io_of(&folder))?.path();
        if path.extension().is_some_and(|extension| extension == "jwk") {
            let key = Key::of_jwk(&read(&path)?);
            keys.push(key.ok_or(KeysFault::Malformed(path))?);
        }
    }
    Ok(keys)
}

fn read(path: &Path) -> Result<Vec<u8>, KeysFault> {
    let mut file = File::open(path).map_err(io_of(path))?;
    let mode = file.metadata().map_err(io_of(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeysFault::Exposed(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io_of(path))?;
    Ok(bytes)
}

/// Writes a file that is there whole, on disk, or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), KeysFault> {
    let draft = path.with_extension("draft");
    let mut file = private()
        .truncate(true)
        .open(&draft)
        .map_err(io_of(&draft))?;
    file.write_all(bytes).map_err(io_of(&draft))?;
    file.sync_all().map_err(io_of(&draft))?;
    fs::rename(&draft, path).map_err(io_of(path))?;
    let folder = path.parent().expect("a key file lies in a folder");
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_of(folder))
}

fn sync_folder(data: &Path) -> Result<(), KeysFault> {
    let folder = folder(data);
    let synced = File::open(&folder).and_then(|opened| opened.sync_all());
    synced.map_err(io_of(&folder))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn bytes() -> Result<[u8; 32], KeysFault> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(KeysFault::NoEntropy)?;
    Ok(bytes)
}

fn path_of(data: &Path, kid: &str) -> PathBuf {
    folder(data).join(format!("{kid}.jwk"))
}

fn io_of(path: &Path) -> impl Fn(io::Error) -> KeysFault {
    let path = path.to_owned();
    move |error| KeysFault::Io(path.clone(), error)
}

const SECRET: &str = "secret";

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone at the end of the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("thirteen-keys-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _gone_or_not = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _gone_or_not = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_folder_gets_its_keys_once_and_nobody_else_can_read_them() {
        let scratch = Scratch::new("once");
        let keys = open_or_create(&scratch.0).unwrap();
        let again = open_or_create(&scratch.0).unwrap();
        assert_eq!(keys.signing_kid(), again.signing_kid());
        assert_eq!(keys.derive("a"), again.derive("a"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder(&scratch.0)), 0o700);
        let names: Vec<_> = fs::read_dir(folder(&scratch.0)).unwrap().collect();
        assert_eq!(names.len(), 3, "a key, the secret, the lock: {names:?}");
        for entry in names {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn a_rotation_keeps_the_key_before() {
        let scratch = Scratch::new("rotation");
        let first = open_or_create(&scratch.0).unwrap();
        let second = rotate(&scratch.0).unwrap();
        assert!(second.removed.is_empty());
        let both = reopen(&scratch.0).unwrap();
        assert_eq!(both.signing_kid(), second.kid);
        assert_eq!(
            both.kids().collect::<Vec<_>>(),
            [second.kid.as_str(), first.signing_kid()]
        );
        assert_eq!(both.derive("a"), first.derive("a"));
        let third = rotate(&scratch.0).unwrap();
        assert_eq!(third.removed, [first.signing_kid()]);
        let after = reopen(&scratch.0).unwrap();
        assert_eq!(after.kids().collect::<Vec<_>>(), [third.kid, second.kid]);
    }

    #[test]
    fn exposed_and_malformed_files_are_refused() {
        let scratch = Scratch::new("exposed");
        let keys = open_or_create(&scratch.0).unwrap();
        let path = path_of(&scratch.0, keys.signing_kid());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(reopen(&scratch.0), Err(KeysFault::Exposed(at)) if at == path));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "{}").unwrap();
        assert!(matches!(reopen(&scratch.0), Err(KeysFault::Malformed(at)) if at == path));
        let secret = folder(&scratch.0).join(SECRET);
        fs::write(&path, keys.live[0].private_jwk().to_string()).unwrap();
        fs::write(&secret, "short").unwrap();
        assert!(matches!(reopen(&scratch.0), Err(KeysFault::Malformed(at)) if at == secret));
    }
}
