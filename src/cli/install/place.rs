//! Putting a package and its peers into the tree (Arborist's place-dep).

use std::sync::Arc;

use super::can_place::{Candidate, Check, Entry, Placing};
use super::collation;
use super::graph::{EdgeId, Graph, NodeId};
use super::sets::Request;

/// What was put somewhere, for the one who goes on from there.
#[derive(Debug)]
pub(super) struct Placed {
    pub node: NodeId,
    pub edge: EdgeId,
    /// What became of the place.
    pub placing: Placing,
    /// Nodes that lost what they had asked for.
    pub reconsider: Vec<NodeId>,
}

/// Two requirements of what was asked for that cannot both be met.
#[derive(Debug)]
pub(super) struct PeerConflict(pub String);

/// A package whose peers are placed.
struct Above<'p> {
    start: NodeId,
    entry: &'p Entry,
    top: EdgeId,
}

/// Places `dep`, which stands in a virtual root with its peers, for an edge.
pub(super) fn place(
    graph: &mut Graph,
    dep: NodeId,
    edge: EdgeId,
    request: Request,
) -> Result<Vec<Placed>, PeerConflict> {
    let mut placer = Placer {
        graph,
        request,
        placed: Vec::new(),
    };
    placer.place(dep, edge, None)?;
    Ok(placer.placed)
}

struct Placer<'g> {
    graph: &'g mut Graph,
    request: Request,
    placed: Vec<Placed>,
}

impl Placer<'_> {
    fn place(
        &mut self,
        dep: NodeId,
        edge: EdgeId,
        above: Option<&Above<'_>>,
    ) -> Result<(), PeerConflict> {
        let has_target = self.graph.edge(edge).to.is_some();
        if has_target && self.graph.is_valid(edge) && self.request == Request::Implied {
            return Ok(());
        }
        let from = above.map_or(self.graph.edge(edge).from, |above| above.start);
        let name = self.graph.edge(edge).name.clone();
        let start = self.graph.deepest_nesting(from, &name);
        let top = above.map_or(edge, |above| above.top);
        let candidate = Candidate {
            dep,
            edge,
            request: self.request,
            parent: above.map(|above| above.entry),
        };
        let (fitting, alone) = self.look_up(candidate, start);
        let check = match (fitting, alone) {
            (Some(check), _) => check,
            (None, _) if self.is_mine(top) => return Err(self.conflict(top, dep)),
            (None, Some(check)) => check,
            (None, None) => {
                self.graph.edge_mut(edge).conflicted = true;
                return Ok(());
            }
        };
        let placing = match check.with_peers {
            Placing::Conflict => check.alone,
            placing @ (Placing::Fine | Placing::Keep | Placing::Replace) => placing,
        };
        if placing == Placing::Keep {
            if self.graph.edge(edge).kind.is_peer() && !self.graph.is_valid(edge) {
                self.graph.edge_mut(edge).conflicted = true;
            }
            self.prune_dedupable(check.target, Descend::Yes);
            return Ok(());
        }
        let above = Above {
            start,
            entry: &check.entry,
            top,
        };
        self.put(dep, edge, &check, &above)
    }

    /// The highest place where the package may go with its peers, and where it may alone.
    fn look_up(&self, candidate: Candidate<'_>, start: NodeId) -> (Option<Check>, Option<Check>) {
        let graph = &self.graph;
        let name = &graph.edge(candidate.edge).name;
        let (mut fitting, mut alone) = (None, None);
        for target in graph.ancestry(start) {
            let asked = graph.edge_of(target, name);
            let is_peer = asked.is_some_and(|asked| graph.edge(asked).kind.is_peer());
            if is_peer && !graph.is_top(target) {
                continue;
            }
            let check = graph.can_place(candidate, target);
            if check.alone != Placing::Conflict {
                alone = Some(check);
            }
            if check.with_peers == Placing::Conflict {
                break;
            }
            fitting = Some(check);
            if graph.node(candidate.dep).failed.is_some() {
                break;
            }
        }
        (fitting, alone)
    }

    fn put(
        &mut self,
        dep: NodeId,
        edge: EdgeId,
        check: &Check,
        above: &Above<'_>,
    ) -> Result<(), PeerConflict> {
        let target = check.target;
        let same = self
            .graph
            .ancestry(target)
            .find(|id| !self.graph.is_top(*id) && self.graph.matches(*id, dep));
        let mut reconsider = Vec::new();
        let name = self.graph.node(dep).name.clone();
        // a1 -> b1 -> a2 -> b2 -> a1 -> … would go on for ever.
        let node = if let Some(same) = same {
            let link = self.graph.add_link(&name, same);
            self.graph.adopt(link, target);
            link
        } else {
            let node = self.copy(dep);
            match self.graph.node(target).children.find(&name) {
                Some(old) => reconsider = self.replace(node, old),
                None => self.graph.adopt(node, target),
            }
            node
        };
        self.placed.push(Placed {
            node,
            edge,
            placing: check.alone,
            reconsider,
        });
        if same.is_some() {
            return Ok(());
        }
        if self.graph.edge(edge).kind.is_peer() && !self.graph.satisfies(node, edge) {
            self.graph.edge_mut(edge).conflicted = true;
        }
        self.prune_around(node, edge, target, &name);
        self.place_peers(dep, node, above)
    }

    fn copy(&mut self, dep: NodeId) -> NodeId {
        let node = self.graph.node(dep);
        let (name, manifest) = (node.name.clone(), Arc::clone(&node.manifest));
        match node.failed.clone() {
            Some(why) => self.graph.add_failed(&name, why),
            None => self.graph.add(&name, manifest),
        }
    }

    /// What became needless by the node that was placed.
    fn prune_around(&mut self, node: NodeId, edge: EdgeId, target: NodeId, name: &str) {
        if let Some(to) = self.graph.edge(edge).to
            && to != node
            && self.graph.is_valid(edge)
        {
            self.prune_dedupable(to, Descend::No);
        }
        let root = self.graph.node(target).root;
        for other in self.graph.named(root, name) {
            let is_there = self.graph.node(other).root == root && !self.graph.is_top(other);
            if !is_there || !self.graph.is_within(other, target) {
                continue;
            }
            self.prune_dedupable(other, Descend::No);
            if self.graph.node(other).root == root {
                for kid in self.graph.node(other).children.ids() {
                    self.prune_dedupable(kid, Descend::No);
                }
            }
        }
    }

    fn place_peers(
        &mut self,
        dep: NodeId,
        node: NodeId,
        above: &Above<'_>,
    ) -> Result<(), PeerConflict> {
        let Some(virtual_root) = self.graph.node(dep).parent else {
            return Ok(());
        };
        for edge in self.graph.edges_out(node) {
            let asked = self.graph.edge(edge);
            if self.graph.is_valid(edge) || !asked.kind.is_peer() || asked.conflicted {
                continue;
            }
            let peer = self.graph.node(virtual_root).children.find(&asked.name);
            if let Some(peer) = peer.filter(|peer| self.graph.satisfies(*peer, edge)) {
                self.place(peer, edge, Some(above))?;
            }
        }
        Ok(())
    }

    /// Puts a node in the place of another; who is to be looked at again.
    fn replace(&mut self, node: NodeId, old: NodeId) -> Vec<NodeId> {
        let graph = &mut *self.graph;
        let target = graph.node(old).parent.expect("it was found in a folder");
        let mut old_deps = Vec::new();
        for edge in graph.edges_out(old) {
            let (name, to) = (&graph.edge(edge).name, graph.edge(edge).to);
            if let Some(to) = to.filter(|_| graph.edge_of(node, name).is_none()) {
                old_deps
                    .extend(graph.gather(&[to], |graph, other| graph.edge(other).to != Some(to)));
            }
        }
        let mut pruned = Vec::new();
        for edge in graph.node(old).edges_in.clone() {
            let asked = graph.edge(edge);
            let stays = graph.satisfies(node, edge)
                || !asked.kind.is_peer()
                || graph.node(asked.from).parent != Some(target)
                || asked.conflicted;
            if stays {
                continue;
            }
            for (entry, _) in graph.peer_entry_sets(asked.from) {
                let Some(entry_node) = graph.edge(entry).to else {
                    continue;
                };
                let deepest = graph.deepest_nesting(entry_node, &graph.node(entry_node).name);
                if deepest != target && !graph.is_top(graph.edge(entry).from) {
                    pruned.extend(graph.gather(&[entry_node], |graph, edge| {
                        let edge = graph.edge(edge);
                        edge.to != Some(entry_node) && !edge.conflicted
                    }));
                } else {
                    graph.edge_mut(edge).conflicted = true;
                }
            }
        }
        graph.replace(node, old);
        self.prune_replaced(node, &old_deps);
        let mut reconsider = Vec::new();
        for dep in pruned {
            for edge in &self.graph.node(dep).edges_in {
                reconsider.push(self.graph.edge(*edge).from);
            }
            self.graph.detach(dep);
        }
        reconsider
    }

    /// What only the replaced one and its dependencies needed goes.
    fn prune_replaced(&mut self, node: NodeId, old_deps: &[NodeId]) {
        let graph = &mut *self.graph;
        let edges = graph.edges_out(node).into_iter();
        let invalid = edges.filter(|edge| !graph.is_valid(*edge));
        let mut invalid: Vec<NodeId> = invalid.filter_map(|edge| graph.edge(edge).to).collect();
        for dep in old_deps {
            invalid.extend(graph.gather_below(*dep));
        }
        let needless = graph.gather(&invalid, |graph, edge| {
            let asked = graph.edge(edge);
            asked.from != node && asked.to != Some(node) && graph.is_valid(edge)
        });
        for dep in needless {
            graph.detach(dep);
        }
    }

    /// Takes out what can be found further up.
    fn prune_dedupable(&mut self, node: NodeId, descend: Descend) {
        if self.graph.can_dedupe(node, self.request) {
            for dep in self.graph.gather_below(node) {
                self.graph.detach(dep);
            }
            return;
        }
        if descend == Descend::Yes {
            let mut children = self.graph.node(node).children.ids();
            let name = |id: &NodeId| &self.graph.node(*id).name;
            children.sort_by(|a, b| collation::compare(name(a), name(b)));
            for child in children {
                self.prune_dedupable(child, Descend::Yes);
            }
        }
    }

    /// Whether what was asked for by the user wants this, and not a package for its own part.
    fn is_mine(&self, top: EdgeId) -> bool {
        let graph = &self.graph;
        let edge = graph.edge(top);
        if graph.is_top(edge.from) {
            return true;
        }
        if !edge.kind.is_peer() {
            return false;
        }
        let from_top = |edge: &EdgeId| graph.is_top(graph.edge(*edge).from);
        let edges = &graph.node(edge.from).edges_in;
        let is_peer = |edge: &EdgeId| graph.edge(*edge).kind.is_peer();
        if edges.iter().any(|edge| !is_peer(edge) && from_top(edge)) {
            return true;
        }
        edges.iter().any(is_peer) && {
            let sets = graph.peer_entry_sets(edge.from);
            sets.iter().any(|(edge, _)| from_top(edge))
        }
    }

    fn conflict(&self, top: EdgeId, dep: NodeId) -> PeerConflict {
        let graph = &self.graph;
        let edge = graph.edge(top);
        let there = graph.resolve(edge.from, &edge.name);
        let there = match there {
            Some(there) => format!("{} is there", graph.shown(there)),
            None => "another peer is in the way".to_owned(),
        };
        PeerConflict(format!(
            "{} with {} cannot be met: {there}",
            graph.shown_edge(top),
            graph.shown(dep)
        ))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Descend {
    Yes,
    No,
}
