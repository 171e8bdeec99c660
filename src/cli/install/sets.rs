//! Sets of nodes that stand and fall together (Arborist's gather-dep-set, peer-entry-sets,
//! optional-set, and the questions of a node whether it may be replaced).

use std::collections::HashSet;

use super::graph::{EdgeId, Graph, NodeId};

impl Graph {
    /// Of these nodes and what they lead to, by edges that the filter lets through, those that
    /// nobody else leads to.
    pub(super) fn gather(
        &self,
        start: &[NodeId],
        filter: impl Fn(&Graph, EdgeId) -> bool,
    ) -> Vec<NodeId> {
        let mut deps: Vec<NodeId> = Vec::new();
        let mut held: HashSet<NodeId> = HashSet::new();
        for id in start {
            if held.insert(*id) {
                deps.push(*id);
            }
        }
        let mut next = 0;
        while let Some(id) = deps.get(next).copied() {
            next += 1;
            for edge in self.edges_out(id) {
                if let Some(to) = self.edge(edge).to
                    && filter(self, edge)
                    && held.insert(to)
                {
                    deps.push(to);
                }
            }
        }
        loop {
            let before = held.len();
            for id in &deps {
                let mut edges = self.node(*id).edges_in.iter();
                let is_wanted =
                    edges.any(|edge| !held.contains(&self.edge(*edge).from) && filter(self, *edge));
                if is_wanted {
                    held.remove(id);
                }
            }
            if held.len() == before {
                break;
            }
            deps.retain(|id| held.contains(id));
        }
        deps
    }

    /// A node and what only it, or what it leads to, needs.
    pub(super) fn gather_below(&self, id: NodeId) -> Vec<NodeId> {
        self.gather(&[id], |graph, edge| {
            graph.edge(edge).to != Some(id) && graph.is_valid(edge)
        })
    }

    /// The sets of peers that a node is in, by the edges that lead into them.
    pub(super) fn peer_entry_sets(&self, node: NodeId) -> Vec<(EdgeId, Vec<NodeId>)> {
        let mut union = vec![node];
        let mut next = 0;
        while let Some(id) = union.get(next).copied() {
            next += 1;
            let out = self.valid_peers(id);
            let into = self.node(id).edges_in.iter();
            let into =
                into.filter(|edge| self.edge(**edge).kind.is_peer() && self.is_valid(**edge));
            let near: Vec<NodeId> = out
                .into_iter()
                .chain(into.map(|edge| self.edge(*edge).from))
                .collect();
            for id in near {
                if !union.contains(&id) {
                    union.push(id);
                }
            }
        }
        let mut sets: Vec<(EdgeId, Vec<NodeId>)> = Vec::new();
        for peer in union {
            for edge in &self.node(peer).edges_in {
                let is_entry =
                    !self.edge(*edge).kind.is_peer() || self.is_top(self.edge(*edge).from);
                if !is_entry || !self.is_valid(*edge) {
                    continue;
                }
                let set = self.peers_of(peer);
                if set.contains(&node) {
                    sets.push((*edge, set));
                }
            }
        }
        sets
    }

    fn valid_peers(&self, id: NodeId) -> Vec<NodeId> {
        let edges = self.edges_out(id).into_iter();
        edges
            .filter(|edge| self.edge(*edge).kind.is_peer() && self.is_valid(*edge))
            .filter_map(|edge| self.edge(edge).to)
            .collect()
    }

    fn peers_of(&self, id: NodeId) -> Vec<NodeId> {
        let mut set = vec![id];
        let mut next = 0;
        while let Some(id) = set.get(next).copied() {
            next += 1;
            for peer in self.valid_peers(id) {
                if !set.contains(&peer) {
                    set.push(peer);
                }
            }
        }
        set
    }

    /// What is not installed when an optional node is not.
    pub(super) fn optional_set(&self, node: NodeId) -> Vec<NodeId> {
        let mut set = vec![node];
        let mut next = 0;
        while let Some(id) = set.get(next).copied() {
            next += 1;
            for edge in &self.node(id).edges_in {
                let edge = self.edge(*edge);
                if !edge.kind.is_optional() && !set.contains(&edge.from) {
                    set.push(edge.from);
                }
            }
        }
        self.gather(&set, |graph, edge| {
            let edge = graph.edge(edge);
            edge.to.is_none_or(|to| !set.contains(&to)) && !graph.node(edge.from).inert
        })
    }

    /// The deepest place that a dependency of `start` may go to.
    pub(super) fn deepest_nesting(&self, start: NodeId, name: &str) -> NodeId {
        let found = self.ancestry(start).find(|id| {
            let edge = self.edge_of(*id, name);
            self.is_top(*id) || edge.is_none_or(|edge| !self.edge(edge).kind.is_peer())
        });
        found.expect("an ancestry ends at a top")
    }

    /// Whether everyone who uses `old` would be content with `node` in its place; peers by these
    /// names are replaced with it.
    pub(super) fn can_replace(&self, node: NodeId, old: NodeId, peers: &[String]) -> bool {
        let (new, was) = (self.node(node), self.node(old));
        if new.name != was.name || new.manifest.name != was.manifest.name {
            return false;
        }
        let below: HashSet<NodeId> = self.gather_below(old).into_iter().collect();
        was.edges_in.iter().all(|id| {
            let edge = self.edge(*id);
            let from = self.node(edge.from);
            let replaced_too = !self.is_top(old)
                && from.parent == was.parent
                && edge.kind.is_peer()
                && peers.contains(&from.name);
            replaced_too || below.contains(&edge.from) || self.satisfies(node, *id)
        })
    }

    /// Whether a node may go, since those who use it would find another that does.
    pub(super) fn can_dedupe(&self, id: NodeId, request: Request) -> bool {
        let node = self.node(id);
        let Some(above) = node.parent.and_then(|parent| self.node(parent).parent) else {
            return false;
        };
        if node.edges_in.is_empty() {
            return true;
        }
        let Some(other) = self.resolve(above, &node.name) else {
            return false;
        };
        if self.matches(other, id) {
            return true;
        }
        if !self.can_replace(other, id, &[]) {
            return false;
        }
        let version = |id: NodeId| self.node(id).manifest.version.clone();
        let at_least = match (version(other), version(id)) {
            (Some(other), Some(own)) => other >= own,
            (None, _) | (_, None) => false,
        };
        at_least || request == Request::Explicit
    }

    /// The node's name and version, as messages have it.
    pub(super) fn shown(&self, id: NodeId) -> String {
        let node = self.node(id);
        match (self.is_top(id), &node.manifest.version) {
            (true, _) if node.source.is_none() => "what was asked for".to_owned(),
            (_, Some(version)) => format!("{}@{version}", node.name),
            (_, None) => node.name.clone(),
        }
    }

    /// `name@text` of an edge and who asks.
    pub(super) fn shown_edge(&self, id: EdgeId) -> String {
        let edge = self.edge(id);
        let text = if edge.text.is_empty() {
            "*"
        } else {
            &edge.text
        };
        let kind = if edge.kind.is_peer() { "peer " } else { "" };
        let from = self.shown(edge.from);
        format!("{kind}{}@{text} of {from}", edge.name)
    }
}

/// Whether a dependency was named by who installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Explicit,
    Implied,
}
