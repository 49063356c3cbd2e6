//! Prerequisites by number: which there are, which can never hold, and how many evaluations they cause.

use std::collections::VecDeque;
use std::sync::Arc;

use super::components::components;
use super::{Found, Requirement, Resolved};
use crate::code;
use crate::flag::Flag;
use crate::gate::Requires;
use crate::limits::MAX_PREREQUISITE_WALK;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Severity};
use crate::snapshot::FlagIndex;

/// Resolves what each of some flags, which are in order of index, requires of `flags`, which are all
/// there are.
pub(super) fn requirements<'s>(
    requiring: impl Iterator<Item = (FlagIndex, &'s Flag, &'s [Requires])>,
    flags: &'s [Arc<Flag>],
    found: &mut Found,
) -> Box<[(FlagIndex, Resolved)]> {
    let mut nodes: Vec<Node<'_>> = requiring
        .map(|(index, flag, requires)| Node::new(index, flag, requires, flags, found))
        .collect();
    resolve(&mut nodes, found);
    nodes
        .into_iter()
        .map(|node| (node.index, node.resolved()))
        .collect()
}

/// A flag with prerequisites.
struct Node<'s> {
    index: FlagIndex,
    flag: &'s Flag,
    requires: &'s [Requires],
    /// One for each of `requires` whose flag is there.
    requirements: Vec<Requirement>,
    /// The prerequisite at fault, if it is one, and why the flag's requirements can never hold.
    never: Option<(Option<Box<str>>, String)>,
    /// Evaluations of prerequisites that deciding it causes.
    walk: usize,
}

impl<'s> Node<'s> {
    fn new(
        index: FlagIndex,
        flag: &'s Flag,
        requires: &'s [Requires],
        flags: &'s [Arc<Flag>],
        found: &mut Found,
    ) -> Self {
        let mut node = Self {
            index,
            flag,
            requires,
            requirements: Vec::with_capacity(requires.len()),
            never: None,
            walk: 0,
        };
        for requires in requires {
            let Ok(at) = flags.binary_search_by(|flag| (*flag.key).cmp(&requires.key)) else {
                let why = format!(
                    "there is no flag {:?}, which {:?} requires",
                    requires.key, flag.key
                );
                let help = match found.nearest(&requires.key, flag, flags) {
                    Some(nearest) => format!("did you mean {nearest:?}?"),
                    None => "define it, or take it out; look at all flag sets together".to_owned(),
                };
                let path = requires.path_in_document(flag);
                found.push(flag, code::UNKNOWN_PREREQUISITE, path, &*why, help);
                node.never(requires, why);
                continue;
            };
            node.want(requires, &flags[at], FlagIndex::new(at), found);
        }
        node
    }

    fn want(&mut self, requires: &Requires, target: &Flag, index: FlagIndex, found: &mut Found) {
        let mut wanted = Vec::with_capacity(requires.variants.len());
        // Told where the target's set is changed, too, to someone who does not know who requires it.
        let why = |name: &str| {
            format!(
                "{:?} has no variant {name:?}, which {:?} requires",
                target.key, self.flag.key
            )
        };
        for (place, name) in requires.variants.iter().enumerate() {
            if let Some(variant) = target.variant(name) {
                wanted.push(variant);
                continue;
            }
            found.push_problem(self.flag, || {
                let path = format!("{}/{place}", requires.path_in_document(self.flag));
                Problem::new(Severity::Flag, path, why(name))
                    .code(code::UNKNOWN_PREREQUISITE)
                    .help("name variants that it has")
                    .suggest(name, target.variants.iter().map(|variant| &*variant.name))
            });
        }
        if let (true, Some(name)) = (wanted.is_empty(), requires.variants.first()) {
            self.never(requires, why(name));
        }
        self.requirements.push(Requirement {
            flag: index,
            wanted: wanted.into(),
        });
    }

    /// The first reason stays.
    fn never(&mut self, requires: &Requires, why: String) {
        self.never
            .get_or_insert_with(|| (Some(requires.key.clone()), why));
    }

    fn resolved(self) -> Resolved {
        match self.never {
            None => Resolved::Each(self.requirements.into()),
            Some((key, why)) => Resolved::Never {
                key,
                why: why.into(),
            },
        }
    }
}

impl Requires {
    /// Where it stands in the document of the flag that requires it.
    fn path_in_document(&self, flag: &Flag) -> String {
        let entry = join_pointer("/delivery", &flag.key);
        join_pointer(&format!("{entry}/requires"), &self.key)
    }
}

/// Finds cycles, and walks that are too large. `nodes` are in order of flag.
fn resolve(nodes: &mut [Node<'_>], found: &mut Found) {
    let number = |flag: FlagIndex| nodes.binary_search_by_key(&flag, |node| node.index).ok();
    let edges: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| {
            let targets = node.requirements.iter();
            targets.filter_map(|target| number(target.flag)).collect()
        })
        .collect();
    // Each component after all that it leads to, so that their walks are known.
    for component in components(&edges) {
        match *component {
            [alone] if !edges[alone].contains(&alone) => {
                let further: usize = edges[alone].iter().map(|to| nodes[*to].walk).sum();
                bound(&mut nodes[alone], further, found);
            }
            _ => break_cycles(&component, &edges, nodes, found),
        }
    }
}

/// `further`: evaluations that the flag's prerequisites cause. They are bounded each, and so is their
/// number, so that their sum is.
fn bound(node: &mut Node<'_>, further: usize, found: &mut Found) {
    if node.never.is_some() {
        return;
    }
    let walk = node.requirements.len() + further;
    if walk <= MAX_PREREQUISITE_WALK {
        node.walk = walk;
        return;
    }
    let why = format!(
        "what {:?} requires takes {walk} evaluations with all that it requires in turn, and at most {MAX_PREREQUISITE_WALK} are allowed",
        node.flag.key
    );
    let path = format!("{}/requires", join_pointer("/delivery", &node.flag.key));
    let help = "require fewer flags, or the ones at the end of the chain";
    found.push(node.flag, code::EXCESSIVE_PREREQUISITES, path, &*why, help);
    node.never = Some((None, why));
}

/// Every member of the component is in a cycle. Each learns of the shortest that it is in, or of a
/// cycle through it that was found before.
fn break_cycles(
    component: &[usize],
    edges: &[Vec<usize>],
    nodes: &mut [Node<'_>],
    found: &mut Found,
) {
    for member in component {
        nodes[*member].never = None;
    }
    for member in component {
        if nodes[*member].never.is_some() {
            continue;
        }
        if found.is_full() {
            let why = format!(
                "{:?} is in a cycle of prerequisites",
                nodes[*member].flag.key
            );
            nodes[*member].never = Some((None, why));
            continue;
        }
        let cycle = shortest_cycle(*member, component, edges);
        for (turn, member) in cycle.iter().enumerate() {
            if nodes[*member].never.is_some() {
                continue;
            }
            let others = cycle[turn + 1..].iter().chain(&cycle[..=turn]);
            let others: Vec<&str> = others.map(|node| &*nodes[*node].flag.key).collect();
            let node = &nodes[*member];
            let why = describe(&node.flag.key, &others);
            let next = node
                .requires
                .iter()
                .find(|requires| *requires.key == *others[0]);
            let path = next.map_or_else(String::new, |next| next.path_in_document(node.flag));
            let help = "take one of these requirements out; until then each of the flags is served its default";
            found.push(node.flag, code::PREREQUISITE_CYCLE, path, &*why, help);
            nodes[*member].never = Some((next.map(|next| next.key.clone()), why));
        }
    }
}

/// A cycle through `from`, beginning with it; in a component that has one.
fn shortest_cycle(from: usize, component: &[usize], edges: &[Vec<usize>]) -> Vec<usize> {
    let mut reached_from: Vec<Option<usize>> = vec![None; component.len()];
    let mut next = VecDeque::from([from]);
    while let Some(node) = next.pop_front() {
        for to in &edges[node] {
            if *to == from {
                let mut cycle = vec![node];
                while let Some(node) = cycle.last().copied().filter(|node| *node != from) {
                    let place = component.binary_search(&node).ok();
                    cycle.extend(place.and_then(|place| reached_from[place]));
                }
                cycle.reverse();
                return cycle;
            }
            if let Ok(place) = component.binary_search(to)
                && reached_from[place].is_none()
            {
                reached_from[place] = Some(node);
                next.push_back(*to);
            }
        }
    }
    Vec::new()
}

/// `"a" requires "b", which requires "c", which requires "a": a cycle`. `keys` are those after `first`,
/// and end with it.
fn describe(first: &str, keys: &[&str]) -> String {
    /// A cycle that is longer is a chain that somebody generated, and its middle tells nobody anything.
    const NAMED: usize = 16;
    let shown = if keys.len() > NAMED + 1 {
        NAMED
    } else {
        keys.len()
    };
    let named: Vec<String> = keys[..shown].iter().map(|key| format!("{key:?}")).collect();
    let mut text = format!("{first:?} requires {}", named.join(", which requires "));
    if shown < keys.len() {
        let more = keys.len() - 1 - shown;
        text = format!("{text}, and so on through {more} more to {first:?} again");
    }
    format!("{text}: a cycle")
}
