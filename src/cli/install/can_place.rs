//! Whether a package may go to a place (Arborist's can-place-dep). Nothing here changes the tree.

use super::graph::{EdgeId, Graph, NodeId};
use super::sets::Request;

/// What placing would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// Nothing is there.
    Fine,
    /// What is there is as good.
    Keep,
    /// What is there gives way.
    Replace,
    /// Not here.
    Conflict,
}

/// What is to be placed for whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'c> {
    /// The package, in a virtual root with its peers.
    pub dep: NodeId,
    pub edge: EdgeId,
    pub request: Request,
    /// The check of the package whose peer this is.
    pub parent: Option<&'c Entry>,
}

/// What a check tells those of its peers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The deepest place that the package may go to.
    deepest: NodeId,
    /// The edge that brought the set of peers in.
    edge: EdgeId,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    pub target: NodeId,
    /// With all its peers.
    pub with_peers: Placing,
    /// For itself.
    pub alone: Placing,
    pub entry: Entry,
}

impl Graph {
    /// Whether the candidate may go into `target`.
    pub(super) fn can_place(&self, candidate: Candidate<'_>, target: NodeId) -> Check {
        self.check(candidate, target, &[])
    }

    fn check(&self, candidate: Candidate<'_>, target: NodeId, path: &[NodeId]) -> Check {
        let edge = self.edge(candidate.edge);
        let start = candidate.parent.map_or(edge.from, |parent| parent.deepest);
        let mut checker = Checker {
            graph: self,
            candidate,
            target,
            path,
            entry: Entry {
                deepest: self.deepest_nesting(start, &edge.name),
                edge: candidate
                    .parent
                    .map_or(candidate.edge, |parent| parent.edge),
            },
            alone: None,
            peers: None,
        };
        let with_peers = checker.verdict();
        Check {
            target,
            with_peers,
            alone: checker.alone.unwrap_or(with_peers),
            entry: checker.entry,
        }
    }
}

struct Checker<'c> {
    graph: &'c Graph,
    candidate: Candidate<'c>,
    target: NodeId,
    /// The packages whose peers are being checked, against going round in circles.
    path: &'c [NodeId],
    entry: Entry,
    alone: Option<Placing>,
    peers: Option<Placing>,
}

impl Checker<'_> {
    fn verdict(&mut self) -> Placing {
        let graph = self.graph;
        let Candidate { dep, edge, .. } = self.candidate;
        let name = &graph.edge(edge).name;
        let current = graph.node(self.target).children.find(name);
        if graph.node(dep).failed.is_some() {
            return match current {
                Some(_) => Placing::Replace,
                None => Placing::Fine,
            };
        }
        let asked = graph.edge_of(self.target, name);
        if let Some(asked) = asked {
            // A peer does not go inside of who asks for it.
            let is_peer = graph.edge(asked).kind.is_peer() && !graph.is_top(self.target);
            let unwanted = current.is_none() && asked != edge && !graph.satisfies(dep, asked);
            if is_peer || unwanted {
                return Placing::Conflict;
            }
        }
        match current {
            Some(current) => self.beside(current),
            None => self.alone(),
        }
    }

    fn alone(&mut self) -> Placing {
        let graph = self.graph;
        let name = &graph.edge(self.candidate.edge).name;
        let entry_from = graph.edge(self.entry.edge).from;
        let above = graph.resolve(self.target, name);
        // Who is below and finds the one above would find this one.
        if let Some(above) = above.filter(|_| self.target != entry_from) {
            let mut edges = graph.node(above).edges_in.iter();
            let hides = edges.any(|edge| {
                graph.is_within(graph.edge(*edge).from, self.target)
                    && graph.is_valid(*edge)
                    && !graph.satisfies(self.candidate.dep, *edge)
            });
            if hides {
                return Placing::Conflict;
            }
        }
        self.with_peers(Placing::Fine)
    }

    fn beside(&mut self, current: NodeId) -> Placing {
        let graph = self.graph;
        let Candidate {
            dep, edge, request, ..
        } = self.candidate;
        let is_peer = graph.edge(edge).kind.is_peer();
        let current_will_do = graph.satisfies(current, edge);
        // A dependency that was overridden while its peers were tried out.
        let overridden = !graph.satisfies(dep, edge);
        if graph.matches(dep, current) && (current_will_do || overridden) {
            return match request {
                Request::Explicit => Placing::Replace,
                Request::Implied => Placing::Keep,
            };
        }
        let version = |id: NodeId| graph.node(id).manifest.version.as_ref();
        let newer = match (version(dep), version(current)) {
            (Some(dep), Some(current)) => dep >= current,
            (None, _) | (_, None) => false,
        };
        let can_replace = graph.can_replace(dep, current, &[]);
        if newer && can_replace && self.with_peers(Placing::Replace) != Placing::Conflict {
            return Placing::Replace;
        }
        if current_will_do && (request == Request::Implied || is_peer) {
            return Placing::Keep;
        }
        // Peers would rather be one of an older version than two.
        let older = is_peer && !newer && can_replace;
        if older && self.with_peers(Placing::Replace) != Placing::Conflict {
            return Placing::Replace;
        }
        if self.target != self.entry.deepest {
            return Placing::Conflict;
        }
        if !is_peer && self.target == graph.edge(edge).from {
            return self.with_peers(Placing::Replace);
        }
        if self.candidate.parent.is_none() && !is_peer {
            return Placing::Conflict;
        }
        if self.sets_can_go(current) {
            return self.with_peers(Placing::Replace);
        }
        Placing::Conflict
    }

    /// Whether every set of peers that the current one is in can be replaced or go deeper.
    fn sets_can_go(&self, current: NodeId) -> bool {
        let graph = self.graph;
        let dep = self.candidate.dep;
        let Some(virtual_root) = graph.node(dep).parent else {
            return false;
        };
        let peers = &graph.node(virtual_root).children;
        let ids = peers.ids();
        let names: Vec<String> = ids.iter().map(|id| graph.node(*id).name.clone()).collect();
        let sets = graph.peer_entry_sets(current).into_iter();
        let mut sets =
            sets.filter(|(edge, _)| *edge != self.candidate.edge && *edge != self.entry.edge);
        sets.all(|(entry, set)| {
            let Some(node) = graph.edge(entry).to else {
                return true;
            };
            let instead = peers.find(&graph.node(node).name);
            match instead {
                Some(instead) if graph.can_replace(instead, node, &names) => return true,
                None if self.can_clobber(node, virtual_root) => return true,
                Some(_) | None => {}
            }
            set.iter().all(|peer| {
                let from = graph.edge(entry).from;
                let deep = graph.deepest_nesting(from, &graph.node(*peer).name);
                deep != self.target && !graph.is_within(self.target, deep)
            })
        })
    }

    /// Whether the members of a set would be content with ours.
    fn can_clobber(&self, node: NodeId, virtual_root: NodeId) -> bool {
        let graph = self.graph;
        let mut walk = vec![node];
        let mut next = 0;
        while let Some(peer) = walk.get(next).copied() {
            next += 1;
            for edge in graph.edges_out(peer) {
                if !graph.edge(edge).kind.is_peer() || !graph.is_valid(edge) {
                    continue;
                }
                let instead = graph
                    .node(virtual_root)
                    .children
                    .find(&graph.edge(edge).name);
                match (instead, graph.edge(edge).to) {
                    (Some(instead), _) if !graph.satisfies(instead, edge) => return false,
                    (None, Some(to)) if !walk.contains(&to) => walk.push(to),
                    (Some(_) | None, _) => {}
                }
            }
        }
        true
    }

    /// The state, if the package's peers can go to or above the target too.
    fn with_peers(&mut self, state: Placing) -> Placing {
        self.alone = Some(state);
        if let Some(peers) = self.peers {
            return peers;
        }
        let graph = self.graph;
        let dep = self.candidate.dep;
        let mut path = self.path.to_vec();
        path.push(dep);
        let mut verdict = state;
        for edge in graph.edges_out(dep) {
            let Some(peer) = graph.edge(edge).to else {
                continue;
            };
            if !graph.edge(edge).kind.is_peer() || path.contains(&peer) {
                continue;
            }
            let target = graph.deepest_nesting(self.target, &graph.node(peer).name);
            let candidate = Candidate {
                dep: peer,
                edge,
                request: Request::Implied,
                parent: Some(&self.entry),
            };
            if graph.check(candidate, target, &path).with_peers == Placing::Conflict {
                verdict = Placing::Conflict;
            }
        }
        self.peers = Some(verdict);
        verdict
    }
}
