//! The tree of `node_modules` while it is thought out: nodes in folders, edges between them. What
//! an operation does to edges follows npm's Arborist to the letter, since where a package ends up
//! depends on it.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::collation;
use super::packument::Manifest;
use super::want::Want;

/// A package in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(usize);

/// That one package asks for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct EdgeId(usize);

/// Every node and edge there ever was.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    by_name: HashMap<String, Vec<NodeId>>,
    listed: u64,
}

/// See [`NodeId`].
#[derive(Debug)]
pub(super) struct Node {
    /// The name of its folder.
    pub name: String,
    pub manifest: Arc<Manifest>,
    pub parent: Option<NodeId>,
    pub root: NodeId,
    pub children: Children,
    edges_out: Vec<EdgeId>,
    edge_by_name: HashMap<String, EdgeId>,
    pub edges_in: Vec<EdgeId>,
    /// Why the package could not be had.
    pub failed: Option<String>,
    /// In a virtual root, the node that it stands for.
    pub source: Option<NodeId>,
    /// A symbolic link to this node.
    pub link: Option<NodeId>,
    /// Only reached by optional edges.
    pub optional: bool,
    /// Thought of, but not to be installed.
    pub inert: bool,
    /// Came in the archive of the package above.
    pub unpacked: bool,
    /// When it joined the tree that it is in.
    listed: u64,
}

/// See [`EdgeId`].
#[derive(Debug)]
pub(super) struct Edge {
    pub name: String,
    pub want: Arc<Want>,
    /// As it is written.
    pub text: String,
    pub kind: Kind,
    accept: Option<Want>,
    pub from: NodeId,
    pub to: Option<NodeId>,
    verdict: Cell<Option<Verdict>>,
    /// The peer that is there is not the one asked for, and that is put up with.
    pub conflicted: bool,
}

/// What kind of dependency an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Prod,
    Optional,
    Peer,
    PeerOptional,
}

impl Kind {
    pub(super) fn is_peer(self) -> bool {
        matches!(self, Kind::Peer | Kind::PeerOptional)
    }

    pub(super) fn is_optional(self) -> bool {
        matches!(self, Kind::Optional | Kind::PeerOptional)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Valid,
    Faulty,
}

/// The folders in a node's `node_modules`, in the order in which they came. File systems may not
/// tell upper from lower case, so names are found without regard to it.
#[derive(Debug, Default)]
pub(super) struct Children {
    by_name: HashMap<String, (u64, NodeId)>,
    in_order: BTreeMap<u64, NodeId>,
    came: u64,
}

impl Children {
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) || !name.is_ascii() {
            return self.by_name.get(&name.to_lowercase()).map(|(_, id)| *id);
        }
        self.by_name.get(name).map(|(_, id)| *id)
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.in_order.values().copied().collect()
    }

    fn put(&mut self, name: &str, id: NodeId) {
        self.remove(name);
        self.came += 1;
        self.by_name.insert(name.to_lowercase(), (self.came, id));
        self.in_order.insert(self.came, id);
    }

    fn remove(&mut self, name: &str) {
        if let Some((came, _)) = self.by_name.remove(&name.to_lowercase()) {
            self.in_order.remove(&came);
        }
    }
}

impl Graph {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }

    pub(super) fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0]
    }

    pub(super) fn edge_mut(&mut self, id: EdgeId) -> &mut Edge {
        &mut self.edges[id.0]
    }

    /// A node on its own.
    pub(super) fn add(&mut self, name: &str, manifest: Arc<Manifest>) -> NodeId {
        let id = self.add_bare(name, manifest);
        self.add_edges(id);
        id
    }

    /// A package that could not be had.
    pub(super) fn add_failed(&mut self, name: &str, why: String) -> NodeId {
        let id = self.add_bare(name, Arc::default());
        self.node_mut(id).failed = Some(why);
        id
    }

    /// A symbolic link, which asks for nothing itself.
    pub(super) fn add_link(&mut self, name: &str, target: NodeId) -> NodeId {
        let manifest = Arc::clone(&self.node(target).manifest);
        let id = self.add_bare(name, manifest);
        self.node_mut(id).link = Some(target);
        id
    }

    /// A root that asks for what `source` asks for, in which its peers can be tried out.
    pub(super) fn add_virtual_root(&mut self, source: NodeId) -> NodeId {
        let node = self.node(source);
        let (name, manifest) = (node.name.clone(), Arc::clone(&node.manifest));
        let id = self.add_bare(&name, manifest);
        self.node_mut(id).source = Some(source);
        self.add_edges(id);
        id
    }

    fn add_bare(&mut self, name: &str, manifest: Arc<Manifest>) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.listed += 1;
        self.nodes.push(Node {
            name: name.to_owned(),
            manifest,
            parent: None,
            root: id,
            children: Children::default(),
            edges_out: Vec::new(),
            edge_by_name: HashMap::new(),
            edges_in: Vec::new(),
            failed: None,
            source: None,
            link: None,
            optional: true,
            inert: false,
            unpacked: false,
            listed: self.listed,
        });
        self.by_name.entry(name.to_owned()).or_default().push(id);
        id
    }

    /// Edges by the manifest: a later kind takes the place of an earlier one of the same name.
    fn add_edges(&mut self, from: NodeId) {
        let manifest = Arc::clone(&self.node(from).manifest);
        let needed = |name: &String| !manifest.peers_optional.contains(name);
        let peers = manifest.peers.0.iter();
        let required = peers.clone().filter(|(name, _)| needed(name));
        let optional = peers.filter(|(name, _)| !needed(name));
        let groups = required
            .map(|pair| (Kind::Peer, pair))
            .chain(optional.map(|pair| (Kind::PeerOptional, pair)))
            .chain(
                manifest
                    .dependencies
                    .0
                    .iter()
                    .map(|pair| (Kind::Prod, pair)),
            )
            .chain(
                manifest
                    .optional
                    .0
                    .iter()
                    .map(|pair| (Kind::Optional, pair)),
            );
        let mut edges: Vec<(Kind, &(String, String))> = Vec::new();
        for (kind, pair) in groups {
            edges.retain(|(_, other)| other.0 != pair.0);
            edges.push((kind, pair));
        }
        for (kind, (name, text)) in edges {
            let id = EdgeId(self.edges.len());
            self.edges.push(Edge {
                name: name.clone(),
                want: Arc::new(Want::read(text)),
                text: text.clone(),
                kind,
                accept: manifest.accepts.find(name).map(Want::read),
                from,
                to: None,
                verdict: Cell::new(None),
                conflicted: false,
            });
            let node = self.node_mut(from);
            node.edges_out.push(id);
            node.edge_by_name.insert(name.clone(), id);
            self.reload(id, Reload::Hard);
        }
    }

    /// What a node asks for, in order.
    pub(super) fn edges_out(&self, id: NodeId) -> Vec<EdgeId> {
        self.node(id).edges_out.clone()
    }

    /// What a node asks for under a name.
    pub(super) fn edge_of(&self, id: NodeId, name: &str) -> Option<EdgeId> {
        self.node(id).edge_by_name.get(name).copied()
    }

    /// The node and what is above it.
    pub(super) fn ancestry(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(id), |id| self.node(*id).parent)
    }

    pub(super) fn is_top(&self, id: NodeId) -> bool {
        self.node(id).parent.is_none()
    }

    pub(super) fn is_within(&self, id: NodeId, above: NodeId) -> bool {
        self.ancestry(id).any(|id| id == above)
    }

    pub(super) fn depth(&self, id: NodeId) -> usize {
        self.ancestry(id).count() - 1
    }

    /// What `require(name)` in a node would find.
    pub(super) fn resolve(&self, id: NodeId, name: &str) -> Option<NodeId> {
        self.ancestry(id)
            .find_map(|id| self.node(id).children.find(name))
    }

    /// `node_modules/a/node_modules/b`, nothing for a root.
    pub(super) fn location(&self, id: NodeId) -> String {
        let mut names: Vec<&str> = self
            .ancestry(id)
            .filter(|id| !self.is_top(*id))
            .map(|id| &*self.node(id).name)
            .collect();
        names.reverse();
        let parts: Vec<String> = names
            .iter()
            .map(|name| format!("node_modules/{name}"))
            .collect();
        parts.join("/")
    }

    /// The nodes of a tree with this name, in the order in which they joined it.
    pub(super) fn named(&self, root: NodeId, name: &str) -> Vec<NodeId> {
        let all = self.by_name.get(name).into_iter().flatten().copied();
        let mut nodes: Vec<NodeId> = all.filter(|id| self.node(*id).root == root).collect();
        nodes.sort_by_key(|id| self.node(*id).listed);
        nodes
    }

    /// Everything in a tree, the root before all.
    pub(super) fn all(&self, root: NodeId) -> Vec<NodeId> {
        let mut nodes = vec![root];
        let mut next = 0;
        while let Some(id) = nodes.get(next).copied() {
            nodes.extend(self.node(id).children.ids());
            next += 1;
        }
        nodes[1..].sort_by_key(|id| self.node(*id).listed);
        nodes
    }

    /// As npm sorts what it works through: the shallow first, then by name.
    pub(super) fn sort_shallow_first(&self, nodes: &mut [NodeId]) {
        nodes.sort_by_cached_key(|id| SortKey {
            depth: self.depth(*id),
            location: self.location(*id),
        });
    }

    /// Whether the node will do for the edge, wherever it is.
    pub(super) fn satisfies(&self, id: NodeId, edge: EdgeId) -> bool {
        let (node, edge) = (self.node(id), self.edge(edge));
        let will_do = |want: &Want| {
            if node.failed.is_some() {
                return matches!(want.of_package(), Want::Any);
            }
            want.takes(node.manifest.version.as_ref())
        };
        node.name == edge.name && (will_do(&edge.want) || edge.accept.as_ref().is_some_and(will_do))
    }

    /// Whether what the edge finds is what it asks for, or what it asks for need not be there.
    pub(super) fn is_valid(&self, id: EdgeId) -> bool {
        let edge = self.edge(id);
        let Some(to) = edge.to else {
            return edge.kind.is_optional();
        };
        let verdict = edge.verdict.get().unwrap_or_else(|| {
            // A peer stands beside who asks for it, not below.
            let is_local = edge.kind.is_peer()
                && self.node(to).parent == Some(edge.from)
                && !self.is_top(edge.from);
            if !is_local && self.satisfies(to, id) {
                Verdict::Valid
            } else {
                Verdict::Faulty
            }
        });
        edge.verdict.set(Some(verdict));
        verdict == Verdict::Valid
    }

    /// Whether two nodes are the same package.
    pub(super) fn matches(&self, a: NodeId, b: NodeId) -> bool {
        if a == b {
            return true;
        }
        let (a, b) = (self.node(a), self.node(b));
        if a.name != b.name || a.failed.is_some() || b.failed.is_some() {
            return false;
        }
        match (a.link, b.link) {
            (Some(a), Some(b)) => return self.matches(a, b),
            (Some(_), None) => return false,
            (None, _) => {}
        }
        let (a, b) = (&a.manifest, &b.manifest);
        match (&a.dist.integrity, &b.dist.integrity) {
            (Some(a), Some(b)) => a == b,
            (None, _) | (_, None) if !a.dist.tarball.is_empty() && !b.dist.tarball.is_empty() => {
                a.dist.tarball == b.dist.tarball
            }
            (None, _) | (_, None) => a.id() == b.id(),
        }
    }

    /// Puts a node into the `node_modules` of another, in place of what has its name there.
    pub(super) fn adopt(&mut self, id: NodeId, parent: NodeId) {
        let name = self.node(id).name.clone();
        match self.node(id).parent {
            Some(old) if old == parent => return,
            Some(old) => {
                self.node_mut(old).children.remove(&name);
                self.node_mut(id).parent = None;
            }
            None => {}
        }
        self.settle(id, parent);
    }

    /// The node takes its place in a tree; its children come with it.
    fn settle(&mut self, id: NodeId, parent: NodeId) {
        let name = self.node(id).name.clone();
        if let Some(current) = self.node(parent).children.find(&name)
            && current != id
        {
            self.detach(current);
        }
        let root = self.node(parent).root;
        self.listed += 1;
        let listed = self.listed;
        let node = self.node_mut(id);
        node.root = root;
        node.parent = Some(parent);
        node.listed = listed;
        self.node_mut(parent).children.put(&name, id);
        self.reload_named(parent, &name, parent);
        self.reload_foreign(id);
        for child in self.node(id).children.ids() {
            if self.node(child).root != root {
                self.settle(child, id);
            }
        }
    }

    /// Takes a node and what is in it out of its tree.
    pub(super) fn detach(&mut self, id: NodeId) {
        if let Some(parent) = self.node(id).parent {
            let name = self.node(id).name.clone();
            self.node_mut(parent).children.remove(&name);
        }
        let node = self.node_mut(id);
        node.parent = None;
        node.root = id;
        self.reload_foreign(id);
        for child in self.node(id).children.ids() {
            self.settle(child, id);
        }
    }

    /// Puts a node in the place of another and takes over what is in that one's folder.
    pub(super) fn replace(&mut self, id: NodeId, old: NodeId) {
        let parent = self.node(old).parent.expect("a root is not replaced");
        for kid in self.node(old).children.ids() {
            self.adopt(kid, id);
        }
        self.adopt(id, parent);
    }

    /// Edges from and to other trees find something else here.
    fn reload_foreign(&mut self, id: NodeId) {
        let root = self.node(id).root;
        for edge in self.node(id).edges_in.clone() {
            let from = self.edge(edge).from;
            if self.node(from).root != root {
                self.reload(edge, Reload::IfMoved);
            }
        }
        for edge in self.edges_out(id) {
            let to = self.edge(edge).to;
            if to.is_none_or(|to| self.node(to).root != root) {
                self.reload(edge, Reload::IfMoved);
            }
        }
    }

    /// Something of this name came into `place`: edges below may find it.
    fn reload_named(&mut self, id: NodeId, name: &str, place: NodeId) {
        if let Some(edge) = self.edge_of(id, name) {
            let to = self.edge(edge).to;
            let in_place = to.is_some_and(|to| self.node(to).parent == Some(place));
            let was_in_place = in_place && !self.is_top(place);
            if was_in_place || self.resolve(id, name) != to {
                self.reload(edge, Reload::Hard);
            }
        }
        for child in self.node(id).children.ids() {
            self.reload_named(child, name, place);
        }
    }

    fn reload(&mut self, id: EdgeId, how: Reload) {
        let edge = self.edge(id);
        let to = self.resolve(edge.from, &edge.name);
        let old = edge.to;
        if to == old {
            if how == Reload::Hard {
                self.edge(id).verdict.set(None);
            }
            return;
        }
        if let Some(old) = old {
            self.node_mut(old).edges_in.retain(|edge| *edge != id);
        }
        let edge = self.edge_mut(id);
        edge.to = to;
        edge.verdict.set(None);
        if let Some(to) = to {
            self.node_mut(to).edges_in.push(id);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reload {
    /// What is known of the edge is asked again.
    Hard,
    /// Only if it finds something else.
    IfMoved,
}

#[derive(PartialEq, Eq)]
struct SortKey {
    depth: usize,
    location: String,
}

impl Ord for SortKey {
    fn cmp(&self, other: &SortKey) -> std::cmp::Ordering {
        let by_depth = self.depth.cmp(&other.depth);
        by_depth.then_with(|| collation::compare(&self.location, &other.location))
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &SortKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
