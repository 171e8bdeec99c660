//! Where a category may stand in the tree.

/// The path of a category: the slugs from the root, each with a slash on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

/// Why a category cannot stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceFault {
    /// It would be below itself.
    Cycle,
    /// It or one of its descendants would be deeper than [`DEPTH_MAX`].
    TooDeep,
}

/// What a move does to the paths of a category and its descendants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The category's own path.
    pub path: Path,
    /// By how much all of them get deeper.
    pub depth_delta: i64,
}

impl Path {
    /// The path of a category below `parent`, or of a root.
    pub fn below(parent: Option<&Path>, slug: &str) -> Path {
        Path(format!("{}{slug}/", parent.map_or("/", |parent| &parent.0)))
    }

    /// What a store kept of one.
    pub fn from_stored(text: String) -> Path {
        Path(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many ancestors it has.
    pub fn depth(&self) -> i64 {
        self.0.bytes().filter(|byte| *byte == b'/').count() as i64 - 2
    }

    /// The first text after every descendant's path: `0` follows `/` in the order of bytes.
    pub fn end(&self) -> String {
        format!("{}0", self.0.trim_end_matches('/'))
    }

    /// Whether `other` is this one or below it.
    pub fn holds(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }
}

/// The path of a category that is made.
pub fn place(parent: Option<&Path>, slug: &str) -> Result<Path, PlaceFault> {
    let path = Path::below(parent, slug);
    if path.depth() > DEPTH_MAX {
        Err(PlaceFault::TooDeep)
    } else {
        Ok(path)
    }
}

/// What becomes of the paths when a category gets another parent or slug. `height` is by how much
/// its deepest descendant is deeper than itself.
pub fn relocate(
    present: &Path,
    height: i64,
    parent: Option<&Path>,
    slug: &str,
) -> Result<Relocation, PlaceFault> {
    if parent.is_some_and(|parent| present.holds(parent)) {
        return Err(PlaceFault::Cycle);
    }
    let path = Path::below(parent, slug);
    if path.depth() + height > DEPTH_MAX {
        return Err(PlaceFault::TooDeep);
    }
    let depth_delta = path.depth() - present.depth();
    Ok(Relocation { path, depth_delta })
}

/// The deepest a category may stand; roots are at 0.
pub const DEPTH_MAX: i64 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::from_stored(text.to_owned())
    }

    #[test]
    fn paths_are_the_slugs_from_the_root() {
        let root = Path::below(None, "a");
        let child = Path::below(Some(&root), "b-1");
        assert_eq!((root.as_str(), root.depth()), ("/a/", 0));
        assert_eq!((child.as_str(), child.depth()), ("/a/b-1/", 1));
    }

    #[test]
    fn descendants_are_a_range_of_paths() {
        let above = path("/a/");
        let inside = |text: &str| text > above.as_str() && *text < *above.end();
        for text in ["/a/b/", "/a/0/", "/a/z/z/"] {
            assert!(inside(text) && above.holds(&path(text)), "{text}");
        }
        for text in ["/a/", "/a-b/", "/a0/", "/aa/", "/b/", "/"] {
            assert!(!inside(text), "{text}");
        }
    }

    #[test]
    fn a_category_does_not_go_below_itself() {
        let present = path("/a/b/");
        for parent in ["/a/b/", "/a/b/c/"] {
            let moved = relocate(&present, 1, Some(&path(parent)), "b");
            assert_eq!(moved, Err(PlaceFault::Cycle), "{parent}");
        }
        let moved = relocate(&present, 1, Some(&path("/a/b-c/")), "b").unwrap();
        assert_eq!(moved.path.as_str(), "/a/b-c/b/");
        assert_eq!(moved.depth_delta, 1);
    }

    #[test]
    fn the_deepest_descendant_counts() {
        let deep = path("/0/1/2/3/4/5/6/");
        assert!(place(Some(&deep), "7").is_ok());
        assert_eq!(
            place(Some(&path("/0/1/2/3/4/5/6/7/")), "8"),
            Err(PlaceFault::TooDeep)
        );
        assert!(relocate(&path("/x/"), 0, Some(&deep), "x").is_ok());
        assert_eq!(
            relocate(&path("/x/"), 1, Some(&deep), "x"),
            Err(PlaceFault::TooDeep)
        );
        let to_root = relocate(&deep, 1, None, "six").unwrap();
        assert_eq!((to_root.path.as_str(), to_root.depth_delta), ("/six/", -6));
    }
}
