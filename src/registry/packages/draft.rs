//! A hosted package while it is being changed: its rows, and what of them has to be written.

use bytes::Bytes;

use super::rows::{
    Collaborator, PackageRow, Permission, TagRow, VersionRow, VersionState, Visibility,
};
use super::sql;
use crate::id::Id;
use crate::registry::blobs::{Sha512Digest, is_file};
use crate::registry::documents::{Hosted, source::newest};
use crate::registry::name::PackageName;
use crate::store::{SqlFault, Tx, View};

/// A package's rows as they are to be.
#[derive(Debug)]
pub struct Draft {
    /// The package.
    pub package: PackageRow,
    /// All its versions.
    pub versions: Vec<VersionRow>,
    /// Its tags.
    pub tags: Vec<TagRow>,
    /// Who has rights to it.
    pub collaborators: Vec<Collaborator>,
    /// The names of who starred it.
    pub stargazers: Vec<String>,
    /// Its documents, where they are short.
    pub document: Option<Bytes>,
    /// Files that its rows name no longer.
    pub freed: Vec<Sha512Digest>,
    base: Before,
    edits: Vec<Edit>,
}

/// What there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// What was kept of an upstream's package of this name.
    Upstream,
    Hosted,
}

/// What has to be written.
#[derive(Debug)]
enum Edit {
    Package,
    Version(Box<VersionRow>, Option<Bytes>),
    Tag(TagRow),
    Untag(String),
    Grant(Id, Permission),
    Withdraw(Id),
    Star(Id),
    Unstar(Id),
}

impl Draft {
    /// The package of a name, as it is; a new one where none is hosted here.
    ///
    /// # Errors
    /// What the store says.
    pub fn read(view: &View<'_>, name: &PackageName, now_ms: i64) -> Result<Draft, SqlFault> {
        let found = sql::read(view, name)?;
        let base = match &found {
            None => Before::Nothing,
            Some(row) if row.upstream.is_some() => Before::Upstream,
            Some(_) => Before::Hosted,
        };
        let package = match found {
            Some(row) if base == Before::Hosted => row,
            Some(_) | None => fresh(name, now_ms),
        };
        let id = package.id;
        Ok(Draft {
            versions: sql::versions(view, id)?,
            tags: sql::tags(view, id)?,
            collaborators: sql::collaborators(view, id)?,
            stargazers: sql::stargazers(view, id)?,
            package,
            document: None,
            freed: Vec::new(),
            base,
            edits: Vec::new(),
        })
    }

    /// Whether the package is there.
    pub fn is_hosted(&self) -> bool {
        self.base == Before::Hosted
    }

    /// Whether anything is to be written.
    pub fn is_changed(&self) -> bool {
        !self.edits.is_empty()
    }

    /// The rows, for its documents.
    pub fn rows(&self) -> Hosted<'_> {
        Hosted {
            package: &self.package,
            versions: &self.versions,
            tags: &self.tags,
            collaborators: &self.collaborators,
            stargazers: &self.stargazers,
        }
    }

    /// How much there is to write into its documents, roughly.
    pub fn text_bytes(&self) -> usize {
        let manifests = self.versions.iter().map(|row| row.manifest.as_ref());
        let texts = manifests.chain([self.package.fields.as_ref()]);
        let texts: usize = texts.flatten().map(String::len).sum();
        let rows = self.versions.len() + self.tags.len() + self.collaborators.len();
        texts + (rows + self.stargazers.len()) * ROW_BYTES
    }

    /// A version, whatever its state.
    pub fn version(&self, version: &str) -> Option<&VersionRow> {
        self.versions.iter().find(|row| row.version == version)
    }

    /// The versions that are served.
    pub fn live(&self) -> impl Iterator<Item = &VersionRow> {
        let versions = self.versions.iter();
        versions.filter(|row| row.state == VersionState::Live)
    }

    /// Adds or replaces a version, whose tarball stays as it is where it has the same digest.
    pub fn put_version(&mut self, row: VersionRow) {
        self.add_version(row, None);
    }

    /// Adds a version with its tarball, where that is short.
    pub fn add_version(&mut self, row: VersionRow, content: Option<Bytes>) {
        self.edits
            .push(Edit::Version(Box::new(row.clone()), content));
        match self
            .versions
            .iter_mut()
            .find(|one| one.version == row.version)
        {
            Some(place) => *place = row,
            None => self.versions.push(row),
        }
    }

    /// Takes a version away for good, and its tags with it.
    pub fn remove_version(&mut self, version: &str) {
        let Some(row) = self.version(version) else {
            return;
        };
        let mut row = row.clone();
        let bytes = row.bytes.take().map(i64::cast_unsigned);
        let digest = row.digest.take().map(Sha512Digest);
        self.freed
            .extend(digest.filter(|_| bytes.is_none_or(is_file)));
        row.state = VersionState::Removed;
        row.manifest = None;
        self.put_version(row);
        let tags = self.tags.iter().filter(|tag| tag.version == version);
        let tags: Vec<_> = tags.map(|tag| tag.tag.clone()).collect();
        for tag in tags {
            self.remove_tag(&tag);
        }
    }

    /// Sets a tag.
    pub fn put_tag(&mut self, tag: &str, version: &str) {
        let row = TagRow {
            tag: tag.to_owned(),
            version: version.to_owned(),
        };
        if self.tags.contains(&row) {
            return;
        }
        self.tags.retain(|one| one.tag != tag);
        let place = self.tags.partition_point(|one| *one.tag < *tag);
        self.tags.insert(place, row.clone());
        self.edits.push(Edit::Tag(row));
    }

    /// Removes a tag; whether there was one.
    pub fn remove_tag(&mut self, tag: &str) -> bool {
        let before = self.tags.len();
        self.tags.retain(|one| one.tag != tag);
        let is_removed = self.tags.len() < before;
        if is_removed {
            self.edits.push(Edit::Untag(tag.to_owned()));
        }
        is_removed
    }

    /// Who may publish and change the package.
    pub fn owners(&self) -> impl Iterator<Item = &Collaborator> {
        let all = self.collaborators.iter();
        all.filter(|one| one.permission == Permission::Write)
    }

    /// Gives an account a right.
    pub fn grant(&mut self, collaborator: Collaborator) {
        if self.collaborators.contains(&collaborator) {
            return;
        }
        let edit = Edit::Grant(collaborator.account, collaborator.permission);
        self.edits.push(edit);
        self.collaborators
            .retain(|one| one.account != collaborator.account);
        self.collaborators.push(collaborator);
        self.collaborators
            .sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Takes an account's right.
    pub fn withdraw(&mut self, account: Id) {
        let before = self.collaborators.len();
        self.collaborators.retain(|one| one.account != account);
        if self.collaborators.len() < before {
            self.edits.push(Edit::Withdraw(account));
        }
    }

    /// Stars the package for an account, or takes the star.
    pub fn star(&mut self, account: Id, name: &str, star: Star) {
        let is_starred = self.stargazers.iter().any(|one| one == name);
        match (star, is_starred) {
            (Star::Given, false) => {
                self.stargazers.push(name.to_owned());
                self.stargazers.sort();
                self.edits.push(Edit::Star(account));
            }
            (Star::Taken, true) => {
                self.stargazers.retain(|one| one != name);
                self.edits.push(Edit::Unstar(account));
            }
            (Star::Given, true) | (Star::Taken, false) => {}
        }
    }

    /// Changes who may read the package.
    pub fn show_to(&mut self, access: Visibility) {
        if self.package.access != access {
            self.package.access = access;
            self.edits.push(Edit::Package);
        }
    }

    /// Replaces the package's own fields.
    pub fn put_fields(&mut self, fields: String) {
        if self.package.fields.as_deref() != Some(&*fields) {
            self.package.fields = Some(fields);
            self.edits.push(Edit::Package);
        }
    }

    /// Lets each tag name a version that is served, and `latest` the newest where it has none.
    pub fn settle(&mut self) {
        let is_live = |version: &str| self.live().any(|row| row.version == version);
        let lost = self.tags.iter().filter(|tag| !is_live(&tag.version));
        let lost: Vec<_> = lost.map(|tag| tag.tag.clone()).collect();
        for tag in lost {
            self.remove_tag(&tag);
        }
        if self.tags.iter().all(|tag| tag.tag != LATEST) {
            let versions = self.live().map(|row| &*row.version);
            if let Some(version) = newest(versions, None).map(str::to_owned) {
                self.put_tag(LATEST, &version);
            }
        }
    }

    /// Makes the package's row that of the next revision.
    pub fn advance(&mut self, now_ms: i64) {
        if self.is_hosted() {
            self.package.revision += 1;
        }
        self.package.modified_at = now_ms.max(self.package.modified_at + 1);
    }

    /// Writes everything; whether the package was as it was read until then.
    ///
    /// # Errors
    /// What the store says.
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<bool, SqlFault> {
        let document = self.document.as_deref();
        match self.base {
            Before::Hosted => {
                if !sql::update(tx, &self.package, document)? {
                    return Ok(false);
                }
            }
            Before::Upstream | Before::Nothing => {
                match sql::read(tx, &self.package.name)? {
                    // Whoever may publish in its place is asked before, in this transaction.
                    Some(row) if row.upstream.is_some() => sql::remove(tx, row.id)?,
                    Some(_) => return Ok(false),
                    None => {}
                }
                sql::insert(tx, &self.package, document)?;
            }
        }
        let id = self.package.id;
        for edit in &self.edits {
            match edit {
                Edit::Package => {}
                Edit::Version(row, content) => sql::put_version(tx, id, row, content.as_deref())?,
                Edit::Tag(row) => sql::put_tag(tx, id, &row.tag, &row.version)?,
                Edit::Untag(tag) => drop(sql::remove_tag(tx, id, tag)?),
                Edit::Grant(account, permission) => {
                    sql::put_collaborator(tx, id, *account, *permission)?;
                }
                Edit::Withdraw(account) => drop(sql::remove_collaborator(tx, id, *account)?),
                Edit::Star(account) => sql::star(tx, id, *account)?,
                Edit::Unstar(account) => sql::unstar(tx, id, *account)?,
            }
        }
        Ok(true)
    }
}

/// Whether a star is given or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Star {
    /// Given.
    Given,
    /// Taken.
    Taken,
}

impl Star {
    /// What a list of those who star a package says for one.
    pub fn of(stargazers: &[String], name: &str) -> Star {
        match stargazers.iter().any(|one| one == name) {
            true => Star::Given,
            false => Star::Taken,
        }
    }
}

pub(super) fn fresh(name: &PackageName, now_ms: i64) -> PackageRow {
    PackageRow {
        id: Id::fresh(),
        name: name.clone(),
        upstream: None,
        access: Visibility::Public,
        revision: 1,
        fields: None,
        created_at: now_ms,
        modified_at: now_ms,
        document: None,
        etag: None,
        last_modified: None,
        checked_at: None,
        rebuild_at: None,
        used_at: None,
    }
}

/// What a row is worth in a document, beside its texts.
const ROW_BYTES: usize = 256;

/// The tag that every package has.
pub const LATEST: &str = "latest";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BLOB_SHORT_BYTES_MAX;
    use crate::registry::schema::DEFINITION;
    use crate::store::{Folder, Options, open};

    fn version(number: u8, bytes: Option<usize>) -> VersionRow {
        VersionRow {
            version: format!("{number}.0.0"),
            file: format!("a-{number}.0.0.tgz"),
            state: VersionState::Live,
            manifest: Some("{}".to_owned()),
            integrity: None,
            shasum: None,
            upstream_url: None,
            digest: Some([number; 64]),
            bytes: bytes.map(|bytes| bytes as i64),
            published_at: None,
            seen_at: 0,
            used_at: None,
            publisher: None,
        }
    }

    #[test]
    fn a_version_that_is_removed_leaves_its_file_where_it_has_one() {
        let folder = Folder::new();
        let store = open(&DEFINITION, folder.path(), Options { shards: 0 }).unwrap();
        let name = PackageName::parse("a").unwrap();
        let row = fresh(&name, 0);
        let inserted = row.clone();
        let insertion = move |tx: &mut Tx<'_>| {
            sql::insert(tx, &inserted, None)?;
            for (number, bytes, content) in [
                (1, Some(BLOB_SHORT_BYTES_MAX), Some(b"short".as_slice())),
                (2, Some(BLOB_SHORT_BYTES_MAX + 1), None),
                (3, None, None),
            ] {
                sql::put_version(tx, inserted.id, &version(number, bytes), content)?;
            }
            Ok::<_, SqlFault>(())
        };
        store.write_blocking(insertion).unwrap().unwrap();
        let read = |view: &View<'_>| Draft::read(view, &name, 0);
        let mut draft = store.read(read).unwrap();
        for number in 1..=3 {
            draft.remove_version(&format!("{number}.0.0"));
        }
        assert_eq!(draft.freed, [Sha512Digest([2; 64]), Sha512Digest([3; 64])]);
        assert_eq!(draft.live().count(), 0);
        let gone = draft.version("1.0.0").unwrap();
        assert_eq!((gone.digest, gone.bytes), (None, None));
    }
}
