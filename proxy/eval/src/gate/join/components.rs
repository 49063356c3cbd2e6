//! Strongly connected components of a graph: who is in a cycle with whom.

/// The components of the graph whose node `n` leads to `edges[n]`, each in order of node. A component
/// comes after all that it leads to. Tarjan's algorithm, without recursion: a chain of prerequisites may
/// be as long as there are flags.
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        edges,
        order: vec![None; edges.len()],
        low: vec![0; edges.len()],
        open: vec![false; edges.len()],
        entered: 0,
        stack: Vec::new(),
        found: Vec::new(),
    };
    for root in 0..edges.len() {
        if search.order[root].is_none() {
            search.from(root);
        }
    }
    search.found
}

struct Search<'e> {
    edges: &'e [Vec<usize>],
    /// The place of each node in the order of the search.
    order: Vec<Option<usize>>,
    /// The earliest open node that each node is known to lead to, by its place.
    low: Vec<usize>,
    /// Whether the node's component is still to be found.
    open: Vec<bool>,
    /// How many nodes have a place.
    entered: usize,
    /// The open nodes, in the order of the search.
    stack: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl<'e> Search<'e> {
    fn from(&mut self, root: usize) {
        // Nodes on the way, each with the edges that it has left.
        let mut way = vec![(root, self.enter(root))];
        while let Some((node, edges)) = way.last_mut() {
            let node = *node;
            let Some(&to) = edges.next() else {
                way.pop();
                if let Some((parent, _)) = way.last() {
                    self.low[*parent] = self.low[*parent].min(self.low[node]);
                }
                self.leave(node);
                continue;
            };
            match self.order[to] {
                None => way.push((to, self.enter(to))),
                Some(place) if self.open[to] => self.low[node] = self.low[node].min(place),
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, node: usize) -> std::slice::Iter<'e, usize> {
        let place = self.entered;
        self.entered += 1;
        self.order[node] = Some(place);
        self.low[node] = place;
        self.open[node] = true;
        self.stack.push(node);
        self.edges[node].iter()
    }

    /// Takes the node's component off the stack, if the node is where the search entered it.
    fn leave(&mut self, node: usize) {
        if self.order[node] != Some(self.low[node]) {
            return;
        }
        let first = self.stack.iter().rposition(|open| *open == node);
        let mut component = self.stack.split_off(first.unwrap_or_default());
        component.sort_unstable();
        for node in &component {
            self.open[*node] = false;
        }
        self.found.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::components;

    /// Components as the definition says: nodes that lead to each other.
    fn defined(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let reached = |from: usize| {
            let mut reached = vec![false; edges.len()];
            let mut left = vec![from];
            while let Some(node) = left.pop() {
                if !std::mem::replace(&mut reached[node], true) {
                    left.extend(&edges[node]);
                }
            }
            reached
        };
        let reached: Vec<Vec<bool>> = (0..edges.len()).map(reached).collect();
        let mut found: Vec<Vec<usize>> = (0..edges.len())
            .map(|a| {
                (0..edges.len())
                    .filter(|b| reached[a][*b] && reached[*b][a])
                    .collect()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Every graph of four nodes.
    #[test]
    fn they_are_what_the_definition_says() {
        for bits in 0..1_u32 << 16 {
            let edges: Vec<Vec<usize>> = (0..4)
                .map(|a| (0..4).filter(|b| bits >> (4 * a + b) & 1 == 1).collect())
                .collect();
            let found = components(&edges);
            for (place, component) in found.iter().enumerate() {
                for to in component.iter().flat_map(|node| &edges[*node]) {
                    let earlier = found[..=place]
                        .iter()
                        .any(|component| component.contains(to));
                    assert!(
                        earlier,
                        "{to} comes before what leads to it: {edges:?} {found:?}"
                    );
                }
            }
            let mut sorted = found;
            sorted.sort();
            assert_eq!(sorted, defined(&edges), "{edges:?}");
        }
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let mut edges: Vec<Vec<usize>> = (1..=100_000).map(|to| vec![to]).collect();
        edges.push(Vec::new());
        assert_eq!(components(&edges).len(), 100_001);
        edges[100_000] = vec![0];
        assert_eq!(components(&edges), [(0..=100_000).collect::<Vec<_>>()]);
    }
}
