//! Makes a tree that was thought out real: downloads, checks and unpacks it beside its place, and
//! moves it there when it is whole.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::bins;
use super::build::Tree;
use super::graph::NodeId;
use super::integrity::Sums;
use super::packument::{Dist, Manifest, Scripts};
use super::registry::{Registry, THREADS};
use super::unpack::unpack;

/// What was installed.
#[derive(Debug)]
pub(super) struct Installed {
    pub packages: usize,
    /// Packages whose scripts were not run, as `name@version`.
    pub scripts: Vec<String>,
    /// Packages whose npm-shrinkwrap.json was not followed.
    pub shrinkwraps: Vec<String>,
}

/// Told of each archive that was fetched, and how many there are.
pub(super) type Progress<'p> = &'p (dyn Fn(usize, usize) + Sync);

/// Puts the tree into `<folder>/node_modules`, with `record` beside the packages.
///
/// # Errors
/// One line; what was there before is as it was.
pub(super) fn install(
    tree: &mut Tree,
    registry: &Registry,
    folder: &Path,
    record: &str,
    progress: Progress<'_>,
) -> Result<Installed, String> {
    let staging = Staging::new(folder).map_err(|fault| at(folder, &fault))?;
    let mut work = Work {
        tree,
        registry,
        staging: &staging,
        progress,
        unpacked: HashSet::new(),
    };
    work.load_bundles()?;
    work.fetch_rest()?;
    work.link().map_err(|fault| at(folder, &fault))?;
    let installed = work.installed();
    let modules = staging.modules();
    fs::create_dir_all(&modules).map_err(|fault| at(&modules, &fault))?;
    let written = fs::write(modules.join(RECORD), record);
    written.map_err(|fault| at(&modules, &fault))?;
    staging
        .move_in(folder)
        .map_err(|fault| at(folder, &fault))?;
    Ok(installed)
}

/// What was asked for in this folder, in its node_modules: npm looks past names with a dot.
pub(super) const RECORD: &str = ".thirteen.json";

fn at(path: &Path, fault: &io::Error) -> String {
    format!("{}: {fault}", path.display())
}

/// A folder beside node_modules that is gone when it is dropped.
struct Staging {
    path: PathBuf,
    /// What a file that may be run gets, by the umask of the process.
    run_mode: u32,
}

impl Staging {
    fn new(folder: &Path) -> io::Result<Staging> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let path = folder.join(format!(".thirteen-install-{}", std::process::id()));
        fs::create_dir(&path)?;
        let mut staging = Staging { path, run_mode: 0 };
        let mut options = File::options();
        let probe = staging.path.join("mode");
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o777)
            .open(&probe)?;
        staging.run_mode = file.metadata()?.permissions().mode() & 0o777;
        fs::remove_file(probe)?;
        Ok(staging)
    }

    fn modules(&self) -> PathBuf {
        self.path.join("node_modules")
    }

    /// Swaps node_modules for the one made here.
    fn move_in(&self, folder: &Path) -> io::Result<()> {
        let place = folder.join("node_modules");
        let aside = self.path.join("before");
        let had = match fs::rename(&place, &aside) {
            Ok(()) => true,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => false,
            Err(fault) => return Err(fault),
        };
        fs::rename(self.modules(), &place).inspect_err(|_| {
            if had {
                // What was there is worth more than the message about why it cannot go back.
                let _ = fs::rename(&aside, &place);
            }
        })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(fault) = fs::remove_dir_all(&self.path) {
            eprintln!("thirteen: {} stays behind: {fault}", self.path.display());
        }
    }
}

struct Work<'w> {
    tree: &'w mut Tree,
    registry: &'w Registry,
    staging: &'w Staging,
    progress: Progress<'w>,
    unpacked: HashSet<NodeId>,
}

/// An archive and where it is to be unpacked.
struct Job {
    name: String,
    id: String,
    dist: Dist,
    places: Vec<(usize, PathBuf)>,
}

impl Work<'_> {
    fn place(&self, id: NodeId) -> PathBuf {
        self.staging.path.join(self.tree.graph.location(id))
    }

    /// The nodes that are to be there.
    fn wanted(&self) -> Vec<NodeId> {
        let graph = &self.tree.graph;
        let all = graph.all(self.tree.root).into_iter().skip(1);
        all.filter(|id| !graph.ancestry(*id).any(|id| graph.node(id).inert))
            .collect()
    }

    /// Packages that hold others are unpacked first, the shallow before the deep, and what they
    /// hold joins the tree: it may make other packages needless.
    fn load_bundles(&mut self) -> Result<(), String> {
        let is_bundler = |work: &Work<'_>, id: &NodeId| {
            let node = work.tree.graph.node(*id);
            !node.manifest.bundled.is_empty() && node.link.is_none()
        };
        let wanted = self.wanted().into_iter();
        let bundlers: Vec<NodeId> = wanted.filter(|id| is_bundler(self, id)).collect();
        let deepest = bundlers.iter().map(|id| self.tree.graph.depth(*id)).max();
        let mut loaded = Vec::new();
        for depth in 1..=deepest.unwrap_or(0) {
            let graph = &self.tree.graph;
            let here: Vec<NodeId> = bundlers
                .iter()
                .copied()
                .filter(|id| graph.node(*id).root == self.tree.root && graph.depth(*id) == depth)
                .collect();
            self.fetch(&here)?;
            for id in here {
                let modules = self.place(id).join("node_modules");
                self.read_bundle(id, &modules)?;
                loaded.push(id);
            }
        }
        self.prune_shadowed(&loaded);
        Ok(())
    }

    /// The packages in a folder become nodes below `parent`.
    fn read_bundle(&mut self, parent: NodeId, modules: &Path) -> Result<(), String> {
        let found = packages_in(modules).map_err(|fault| at(modules, &fault))?;
        for (name, folder, manifest) in found {
            let graph = &mut self.tree.graph;
            let id = graph.add(&name, Arc::new(manifest));
            graph.node_mut(id).unpacked = true;
            graph.node_mut(id).optional = false;
            graph.adopt(id, parent);
            self.read_bundle(id, &folder.join("node_modules"))?;
        }
        Ok(())
    }

    /// Takes out what only stood in for packages that came in an archive.
    fn prune_shadowed(&mut self, bundlers: &[NodeId]) {
        let graph = &mut self.tree.graph;
        let mut shadowed: Vec<NodeId> = Vec::new();
        for id in bundlers {
            let Some(parent) = graph.node(*id).parent else {
                continue;
            };
            for child in graph.node(*id).children.ids() {
                let shadow = graph.resolve(parent, &graph.node(child).name);
                if let Some(shadow) = shadow.filter(|id| !shadowed.contains(id)) {
                    shadowed.push(shadow);
                }
            }
        }
        let mut next = 0;
        while let Some(id) = shadowed.get(next).copied() {
            next += 1;
            for edge in graph.edges_out(id) {
                if let Some(to) = graph.edge(edge).to
                    && !shadowed.contains(&to)
                {
                    shadowed.push(to);
                }
            }
        }
        loop {
            let before = shadowed.len();
            let held: HashSet<NodeId> = shadowed.iter().copied().collect();
            shadowed.retain(|id| {
                let mut edges = graph.node(*id).edges_in.iter();
                edges.all(|edge| held.contains(&graph.edge(*edge).from))
            });
            if shadowed.len() == before {
                break;
            }
        }
        for id in shadowed {
            graph.detach(id);
        }
    }

    fn fetch_rest(&mut self) -> Result<(), String> {
        let graph = &self.tree.graph;
        let wanted = self.wanted().into_iter();
        let rest: Vec<NodeId> = wanted
            .filter(|id| {
                let node = graph.node(*id);
                !node.unpacked && node.link.is_none() && !self.unpacked.contains(id)
            })
            .collect();
        self.fetch(&rest)
    }

    /// Downloads the archives of nodes, each once, then unpacks them, the shallow first: what is
    /// placed in a package's folder stands over what its archive has there.
    fn fetch(&mut self, nodes: &[NodeId]) -> Result<(), String> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut known: HashMap<(String, Option<String>), usize> = HashMap::new();
        for id in nodes {
            let manifest = &self.tree.graph.node(*id).manifest;
            let dist = manifest.dist.clone();
            let key = (dist.tarball.clone(), dist.integrity.clone());
            let index = *known.entry(key).or_insert_with(|| {
                jobs.push(Job {
                    name: manifest.name.clone(),
                    id: manifest.id(),
                    dist,
                    places: Vec::new(),
                });
                jobs.len() - 1
            });
            let depth = self.tree.graph.depth(*id);
            jobs[index].places.push((depth, self.place(*id)));
            self.unpacked.insert(*id);
        }
        let fetched = AtomicUsize::new(0);
        let spools = Mutex::new(Vec::new());
        let (registry, progress) = (self.registry, self.progress);
        let folder = &self.staging.path;
        in_parallel(&jobs, |index, job| {
            let spool = folder.join(format!("archive-{index}"));
            download(registry, job, &spool)?;
            let mut spools = spools.lock().expect("nobody panics who holds it");
            spools.push((index, spool));
            let fetched = fetched.fetch_add(1, Ordering::Relaxed) + 1;
            progress(fetched, jobs.len());
            Ok(())
        })?;
        let mut spools = spools.into_inner().expect("nobody panics who holds it");
        spools.sort_by_key(|(index, _)| *index);
        let mut places: Vec<(usize, &PathBuf, usize)> = Vec::new();
        for (index, job) in jobs.iter().enumerate() {
            let all = job
                .places
                .iter()
                .map(|(depth, place)| (*depth, place, index));
            places.extend(all);
        }
        places.sort();
        for level in places.chunk_by(|a, b| a.0 == b.0) {
            in_parallel(level, |_, (_, place, index)| {
                let spool = &spools[*index].1;
                unpack_at(spool, place).map_err(|why| format!("{}: {why}", jobs[*index].id))
            })?;
        }
        for (_, spool) in spools {
            fs::remove_file(&spool).map_err(|fault| at(&spool, &fault))?;
        }
        Ok(())
    }

    /// Symbolic links to packages, and their commands.
    fn link(&self) -> io::Result<()> {
        let graph = &self.tree.graph;
        let mut nodes = self.wanted();
        graph.sort_shallow_first(&mut nodes);
        let mut linked = HashSet::new();
        for id in nodes {
            let place = self.place(id);
            let node = graph.node(id);
            if let Some(target) = node.link {
                let above = place.parent().unwrap_or(&place);
                fs::create_dir_all(above)?;
                symlink(bins::relative(above, &self.place(target)), &place)?;
                continue;
            }
            let parent = node.parent.expect("only the root has none");
            let modules = self.place(parent).join("node_modules");
            bins::link(&modules, &place, self.staging.run_mode, &mut linked)?;
        }
        Ok(())
    }

    fn installed(&self) -> Installed {
        let graph = &self.tree.graph;
        let nodes = self.wanted();
        let ids = |is: &dyn Fn(&Manifest) -> bool| {
            let chosen = nodes.iter().map(|id| graph.node(*id));
            let chosen = chosen.filter(|node| node.link.is_none() && is(&node.manifest));
            let mut ids: Vec<String> = chosen.map(|node| node.manifest.id()).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        Installed {
            packages: nodes.len(),
            scripts: ids(&|manifest| manifest.scripts == Scripts::OnInstall),
            shrinkwraps: ids(&|manifest| manifest.shrinkwrap),
        }
    }
}

/// An archive into a file, checked.
fn download(registry: &Registry, job: &Job, spool: &Path) -> Result<(), String> {
    let about = |why: String| format!("{}: {why}", job.id);
    let mut sums = Sums::wanted_by(&job.dist).map_err(about)?;
    let mut body = registry.archive(&job.name, &job.dist).map_err(about)?;
    let mut file = File::create(spool).map_err(|fault| at(spool, &fault))?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let bytes = body
            .read(&mut buffer)
            .map_err(|fault| about(format!("{} broke off: {fault}", job.dist.tarball)))?;
        if bytes == 0 {
            return sums.check().map_err(about);
        }
        sums.add(&buffer[..bytes]);
        let written = file.write_all(&buffer[..bytes]);
        written.map_err(|fault| at(spool, &fault))?;
    }
}

fn unpack_at(spool: &Path, place: &Path) -> Result<(), String> {
    // The archive of the package above may have had something of this name.
    match fs::remove_dir_all(place) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(at(place, &fault)),
        Ok(()) | Err(_) => {}
    }
    let file = File::open(spool).map_err(|fault| at(spool, &fault))?;
    unpack(file, place).map_err(|fault| fault.to_string())
}

/// The packages in a node_modules: folder names, places and manifests, by name.
fn packages_in(modules: &Path) -> io::Result<Vec<(String, PathBuf, Manifest)>> {
    let mut names = Vec::new();
    for name in folders_in(modules)? {
        if name.starts_with('@') {
            let inner = folders_in(&modules.join(&name))?;
            names.extend(inner.iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    let mut packages = Vec::new();
    for name in names {
        let folder = modules.join(&name);
        let Ok(json) = fs::read(folder.join("package.json")) else {
            continue;
        };
        // A folder without a name and a version is no package to npm either.
        if let Ok(manifest) = Manifest::read(&json)
            && manifest.version.is_some()
            && !manifest.name.is_empty()
        {
            packages.push((name, folder, manifest));
        }
    }
    Ok(packages)
}

fn folders_in(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.file_type()?.is_dir()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Does the work for each item by a few threads; the first fault ends it.
fn in_parallel<T: Sync>(
    items: &[T],
    work: impl Fn(usize, &T) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let fault = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    if let Err(why) = work(index, item) {
                        next.store(items.len(), Ordering::Relaxed);
                        let mut fault = fault.lock().expect("nobody panics who holds it");
                        fault.get_or_insert(why);
                    }
                }
            });
        }
    });
    let fault = fault.into_inner().expect("nobody panics who holds it");
    fault.map_or(Ok(()), Err)
}
