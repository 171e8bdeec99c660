//! Thinks out the tree that npm would install (Arborist's build-ideal-tree, hoisted, into an
//! empty folder).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::can_place::Placing;
use super::collation;
use super::graph::{EdgeId, Graph, Kind, NodeId};
use super::packument::{Manifest, Pairs};
use super::place::{PeerConflict, Placed, place};
use super::platform::{Fits, Machine};
use super::sets::Request;

/// Where manifests come from.
pub(super) trait Manifests {
    /// The manifest for a dependency, or why there is none.
    fn find(&self, name: &str, text: &str) -> Result<Arc<Manifest>, String>;
    /// That one will be asked for soon.
    fn expect(&self, name: &str, text: &str);
}

/// A tree thought out.
#[derive(Debug)]
pub(super) struct Tree {
    pub graph: Graph,
    pub root: NodeId,
    /// What the user should know: dependencies that were left out or overridden.
    pub notes: Vec<String>,
}

/// Why there is no tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TreeFault {
    /// A package that is needed could not be had.
    Missing(String),
    /// Peers that exclude each other.
    Peers(String),
    /// A package that is needed does not run here.
    Platform(String),
}

impl From<PeerConflict> for TreeFault {
    fn from(conflict: PeerConflict) -> TreeFault {
        TreeFault::Peers(conflict.0)
    }
}

/// The tree for these names and ranges.
pub(super) fn build(
    asked: &[(String, String)],
    manifests: &dyn Manifests,
    machine: &Machine,
) -> Result<Tree, TreeFault> {
    let mut graph = Graph::default();
    let manifest = Manifest {
        dependencies: Pairs(asked.to_vec()),
        ..Manifest::default()
    };
    let root = graph.add("", Arc::new(manifest));
    let requests = graph.edges_out(root).into_iter().collect();
    let mut builder = Builder {
        graph,
        root,
        manifests,
        requests,
        queue: Vec::new(),
        seen: HashSet::new(),
        failures: HashSet::new(),
        virtual_roots: HashMap::new(),
    };
    builder.queue.push(root);
    while let Some(node) = builder.next() {
        builder.step(node)?;
    }
    builder.mark_optional();
    let mut notes = builder.leave_out_failed()?;
    notes.extend(builder.leave_out_unfit(machine)?);
    notes.extend(builder.overridden());
    Ok(Tree {
        graph: builder.graph,
        root,
        notes,
    })
}

struct Builder<'b> {
    graph: Graph,
    root: NodeId,
    manifests: &'b dyn Manifests,
    /// The edges that the user asked for.
    requests: HashSet<EdgeId>,
    queue: Vec<NodeId>,
    seen: HashSet<NodeId>,
    failures: HashSet<NodeId>,
    virtual_roots: HashMap<NodeId, NodeId>,
}

impl Builder<'_> {
    /// The shallowest node, by name, whose dependencies were not looked at.
    fn next(&mut self) -> Option<NodeId> {
        loop {
            if self.queue.is_empty() {
                return None;
            }
            self.graph.sort_shallow_first(&mut self.queue);
            let node = self.queue.remove(0);
            if self.graph.node(node).root == self.root && self.seen.insert(node) {
                return Some(node);
            }
        }
    }

    fn enqueue(&mut self, node: NodeId) {
        if !self.queue.contains(&node) {
            self.queue.push(node);
        }
    }

    /// Finds and places what a node lacks.
    fn step(&mut self, node: NodeId) -> Result<(), TreeFault> {
        let mut tasks = Vec::new();
        let problems = self.problems(node);
        for edge in &problems {
            let edge = self.graph.edge(*edge);
            self.manifests.expect(&edge.name, &edge.text);
        }
        for edge in problems {
            if self.graph.edge(edge).conflicted {
                continue;
            }
            let dep = self.dep_of(node, edge)?;
            tasks.push((edge, dep));
        }
        let name = |edge: &EdgeId| self.graph.edge(*edge).name.clone();
        tasks.sort_by(|(a, _), (b, _)| collation::compare(&name(a), &name(b)));
        for (edge, dep) in tasks {
            let request = if self.requests.contains(&edge) {
                Request::Explicit
            } else {
                Request::Implied
            };
            for placed in place(&mut self.graph, dep, edge, request)? {
                self.follow(&placed);
            }
        }
        Ok(())
    }

    fn dep_of(&mut self, node: NodeId, edge: EdgeId) -> Result<NodeId, TreeFault> {
        let root = self.virtual_root(node, Reuse::Yes);
        let asked = self.graph.edge(edge);
        let (name, kind, from) = (asked.name.clone(), asked.kind, asked.from);
        let known = self.graph.edge_of(root, &name);
        let known = known.filter(|known| self.graph.is_valid(*known));
        let known = known.and_then(|known| self.graph.edge(known).to);
        if let Some(dep) = known.filter(|dep| self.graph.satisfies(*dep, edge)) {
            return Ok(dep);
        }
        if kind == Kind::PeerOptional
            && !self.requests.contains(&edge)
            && let Some(dep) = self.hoistable(from, edge)
        {
            return Ok(dep);
        }
        let parent = kind.is_peer().then_some(root);
        let mut required = HashSet::from([from]);
        self.node_from_edge(edge, parent, None, &mut required)
    }

    /// A node of the tree that would do for an optional peer.
    fn hoistable(&self, from: NodeId, edge: EdgeId) -> Option<NodeId> {
        let start = self.graph.node(from).parent.unwrap_or(from);
        let mut queue = self.graph.node(start).children.ids();
        let mut next = 0;
        while let Some(id) = queue.get(next).copied() {
            next += 1;
            if self.graph.satisfies(id, edge) {
                return Some(id);
            }
            queue.extend(self.graph.node(id).children.ids());
        }
        None
    }

    /// Edges of a node that find nothing, or not what they ask for.
    fn problems(&self, node: NodeId) -> Vec<EdgeId> {
        let graph = &self.graph;
        let bundled = &graph.node(node).manifest.bundled;
        let edges = graph.edges_out(node).into_iter();
        edges
            .filter(|id| {
                let edge = graph.edge(*id);
                if bundled.contains(&edge.name) {
                    return false;
                }
                let Some(to) = edge.to else {
                    return edge.kind != Kind::PeerOptional || self.requests.contains(id);
                };
                !self.failures.contains(&to) && (!graph.is_valid(*id) || self.requests.contains(id))
            })
            .collect()
    }

    /// What follows from something having been placed.
    fn follow(&mut self, placed: &Placed) {
        let node = placed.node;
        if self.graph.node(node).failed.is_some() {
            self.failures.insert(node);
        }
        for edge in self.graph.node(node).edges_in.clone() {
            let is_settled = self.graph.is_valid(edge) || self.graph.edge(edge).conflicted;
            if edge == placed.edge || is_settled {
                continue;
            }
            match placed.placing {
                Placing::Fine | Placing::Replace => {
                    let from = self.graph.edge(edge).from;
                    self.seen.remove(&from);
                    self.enqueue(from);
                }
                Placing::Keep | Placing::Conflict => {}
            }
        }
        if placed.placing == Placing::Conflict {
            return;
        }
        self.enqueue(node);
        for node in &placed.reconsider {
            self.seen.remove(node);
            self.enqueue(*node);
        }
        for edge in self.problems(node) {
            let edge = self.graph.edge(edge);
            self.manifests.expect(&edge.name, &edge.text);
        }
    }

    fn virtual_root(&mut self, node: NodeId, reuse: Reuse) -> NodeId {
        if let (Reuse::Yes, Some(root)) = (reuse, self.virtual_roots.get(&node)) {
            return *root;
        }
        let root = self.graph.add_virtual_root(node);
        self.virtual_roots.insert(node, root);
        root
    }

    /// The package for an edge, with its peers, in a virtual root.
    fn node_from_edge(
        &mut self,
        edge: EdgeId,
        parent: Option<NodeId>,
        second: Option<EdgeId>,
        required: &mut HashSet<NodeId>,
    ) -> Result<NodeId, TreeFault> {
        let from = self.graph.edge(edge).from;
        let parent = match parent {
            Some(parent) => parent,
            None => self.virtual_root(from, Reuse::No),
        };
        let first = self.fetch(edge, parent);
        // A broad requirement may be met by what a narrower one asks for.
        let other = match second {
            Some(second) if !self.graph.is_valid(second) => Some(self.fetch(second, parent)),
            Some(_) | None => None,
        };
        let node = other.filter(|_| self.graph.is_valid(edge)).unwrap_or(first);
        self.graph.adopt(node, parent);
        let is_required = |edge: EdgeId| {
            let edge = self.graph.edge(edge);
            required.contains(&edge.from) && edge.kind != Kind::PeerOptional
        };
        if is_required(edge) || second.is_some_and(is_required) {
            required.insert(node);
        }
        self.load_peers(node, required)?;
        Ok(node)
    }

    fn fetch(&mut self, edge: EdgeId, parent: NodeId) -> NodeId {
        let asked = self.graph.edge(edge);
        let name = asked.name.clone();
        let node = match self.manifests.find(&name, &asked.text) {
            Ok(manifest) => self.graph.add(&name, manifest),
            Err(why) => {
                let node = self.graph.add_failed(&name, why);
                self.failures.insert(node);
                node
            }
        };
        self.graph.adopt(node, parent);
        node
    }

    /// Puts the peers of a node, and theirs, beside it.
    fn load_peers(
        &mut self,
        node: NodeId,
        required: &mut HashSet<NodeId>,
    ) -> Result<(), TreeFault> {
        let graph = &self.graph;
        let edges = graph.edges_out(node).into_iter();
        let unmet = |edge: &EdgeId| {
            let is_met = graph.is_valid(*edge) && graph.edge(*edge).to.is_some();
            graph.edge(*edge).kind.is_peer() && !is_met
        };
        let mut edges: Vec<EdgeId> = edges.filter(unmet).collect();
        edges.sort_by(|a, b| collation::compare(&graph.edge(*a).name, &graph.edge(*b).name));
        for edge in edges {
            let Some(parent) = self.graph.node(node).parent else {
                break;
            };
            let to = self.graph.edge(edge).to;
            if to.is_some() && self.graph.is_valid(edge) {
                continue;
            }
            let bearable = self.graph.node(parent).source != Some(self.root);
            match to {
                None => self.load_missing_peer(node, edge, parent, bearable, required)?,
                Some(current) => {
                    self.load_other_peer(node, edge, current, bearable, required)?;
                }
            }
        }
        Ok(())
    }

    fn load_missing_peer(
        &mut self,
        node: NodeId,
        edge: EdgeId,
        parent: NodeId,
        bearable: bool,
        required: &mut HashSet<NodeId>,
    ) -> Result<(), TreeFault> {
        let name = self.graph.edge(edge).name.clone();
        let Some(of_parent) = self.graph.edge_of(parent, &name) else {
            self.node_from_edge(edge, Some(parent), None, required)?;
            return Ok(());
        };
        let dep = self.node_from_edge(of_parent, Some(parent), Some(edge), required)?;
        if self.graph.is_valid(edge) {
            return Ok(());
        }
        if bearable || !required.contains(&dep) {
            self.graph.edge_mut(edge).conflicted = true;
            return Ok(());
        }
        if self.graph.is_top(node) {
            return Ok(());
        }
        Err(self.conflict(edge, Some(of_parent)))
    }

    fn load_other_peer(
        &mut self,
        node: NodeId,
        edge: EdgeId,
        current: NodeId,
        bearable: bool,
        required: &mut HashSet<NodeId>,
    ) -> Result<(), TreeFault> {
        let dep = self.node_from_edge(edge, None, None, required)?;
        if self.graph.can_replace(dep, current, &[]) {
            let parent = self.graph.node(node).parent;
            self.node_from_edge(edge, parent, None, required)?;
            return Ok(());
        }
        if bearable || !required.contains(&self.graph.edge(edge).from) {
            return Ok(());
        }
        Err(self.conflict(edge, None))
    }

    fn conflict(&self, edge: EdgeId, other: Option<EdgeId>) -> TreeFault {
        let edge_text = self.graph.shown_edge(edge);
        TreeFault::Peers(match (other, self.graph.edge(edge).to) {
            (Some(other), _) => {
                format!("{edge_text} excludes {}", self.graph.shown_edge(other))
            }
            (None, Some(to)) => format!("{edge_text} excludes {}", self.graph.shown(to)),
            (None, None) => format!("{edge_text} cannot be met"),
        })
    }

    /// A node is optional that nothing leads to but by optional edges.
    fn mark_optional(&mut self) {
        let mut needed = vec![self.root];
        self.graph.node_mut(self.root).optional = false;
        while let Some(id) = needed.pop() {
            let mut next = Vec::new();
            if let Some(target) = self.graph.node(id).link {
                next.push(target);
            }
            for edge in self.graph.edges_out(id) {
                let edge = self.graph.edge(edge);
                next.extend(edge.to.filter(|_| !edge.kind.is_optional()));
            }
            for id in next {
                let node = self.graph.node_mut(id);
                if node.optional {
                    node.optional = false;
                    needed.push(id);
                }
            }
        }
    }

    fn leave_out_failed(&mut self) -> Result<Vec<String>, TreeFault> {
        let mut notes = Vec::new();
        for id in self.graph.all(self.root) {
            let node = self.graph.node(id);
            let Some(why) = node.failed.clone() else {
                continue;
            };
            if !node.optional {
                let edges = node.edges_in.iter();
                let asked: Vec<String> = edges.map(|edge| self.graph.shown_edge(*edge)).collect();
                let asked = asked.join(", ");
                return Err(TreeFault::Missing(format!("{asked}: {why}")));
            }
            notes.push(format!("left out optional {}: {why}", node.name));
            self.leave_out(id);
        }
        Ok(notes)
    }

    fn leave_out_unfit(&mut self, machine: &Machine) -> Result<Vec<String>, TreeFault> {
        let mut notes = Vec::new();
        for id in self.graph.all(self.root) {
            let node = self.graph.node(id);
            let fits = machine.fits(&node.manifest.platform);
            let shown = self.graph.shown(id);
            match (fits, node.optional) {
                (Fits::Yes, _) => {}
                (Fits::NotThisPlatform | Fits::NotThisNode, true) => {
                    if !node.inert {
                        self.leave_out(id);
                    }
                }
                (Fits::NotThisPlatform, false) => {
                    let machine = format!("{} {}", machine.os, machine.cpu);
                    return Err(TreeFault::Platform(format!(
                        "{shown} does not run on {machine}"
                    )));
                }
                (Fits::NotThisNode, false) => {
                    let wanted = node.manifest.platform.node.clone().unwrap_or_default();
                    notes.push(format!("{shown} asks for Node {wanted}"));
                }
            }
        }
        Ok(notes)
    }

    fn leave_out(&mut self, id: NodeId) {
        for node in self.graph.optional_set(id) {
            self.graph.node_mut(node).inert = true;
        }
    }

    /// Peers that are not what was asked for.
    fn overridden(&self) -> Vec<String> {
        let nodes = self.graph.all(self.root).into_iter();
        let edges = nodes.flat_map(|id| self.graph.edges_out(id));
        edges
            .filter(|edge| self.graph.edge(*edge).kind.is_peer() && !self.graph.is_valid(*edge))
            .map(|edge| {
                let there = match self.graph.edge(edge).to {
                    Some(to) => self.graph.shown(to),
                    None => "nothing".to_owned(),
                };
                format!("{} finds {there}", self.graph.shown_edge(edge))
            })
            .collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Yes,
    No,
}
