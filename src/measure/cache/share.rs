//! Prompts that begin alike: which of them share a pass over their common beginning.

/// Tokens that prompts must have in common before sharing pays.
pub(super) const SHORTEST: usize = 6;

/// A prompt as far as it may be shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    /// Number of the input.
    pub(super) input: usize,
    /// Its tokens before the first checkpoint.
    pub(super) ids: &'a [u32],
}

/// Inputs whose first `shared` tokens are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) members: Vec<usize>,
    pub(super) shared: usize,
}

/// Length of the common beginning.
pub(super) fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Divides prompts into clusters so that the most tokens need computing once only. Prompts that
/// share nothing worth a pass are left out.
pub(super) fn clusters(mut heads: Vec<Head<'_>>) -> Vec<Cluster> {
    // Sorted, every set of prompts with a common beginning is a run of neighbours.
    heads.sort_by(|a, b| a.ids.cmp(b.ids));
    let n = heads.len();
    // Most tokens saved in the first j prompts, and where the last run of that division begins.
    let mut best = vec![(0, 0); n + 1];
    for j in 1..=n {
        best[j] = (best[j - 1].0, j - 1);
        let mut shared = heads[j - 1].ids.len();
        for i in (0..j - 1).rev() {
            shared = shared.min(common(heads[i].ids, heads[i + 1].ids));
            if shared < SHORTEST {
                break;
            }
            let saved = best[i].0 + shared * (j - i - 1);
            if saved > best[j].0 {
                best[j] = (saved, i);
            }
        }
    }
    let mut found = Vec::new();
    let mut end = n;
    while end > 0 {
        let start = best[end].1;
        if end - start > 1 {
            let shared = common(heads[start].ids, heads[end - 1].ids);
            let members = heads[start..end].iter().map(|head| head.input).collect();
            found.push(Cluster { members, shared });
        }
        end = start;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(prompts: &[&[u32]]) -> Vec<Cluster> {
        let head = |(input, ids): (usize, &&'static [u32])| Head { input, ids };
        let prompts: Vec<&'static [u32]> = prompts.iter().map(|p| &*p.to_vec().leak()).collect();
        let mut found = clusters(prompts.iter().enumerate().map(head).collect());
        for cluster in &mut found {
            cluster.members.sort_unstable();
        }
        found.sort_by_key(|c| c.members[0]);
        found
    }

    #[test]
    fn prompts_of_two_templates_form_two_clusters() {
        let a = [1, 2, 3, 4, 5, 6, 7, 8];
        let b = [1, 2, 9, 9, 9, 9, 9];
        let found = plan(&[
            &a,
            &b,
            &[a.as_slice(), &[20]].concat(),
            &[b.as_slice(), &[21]].concat(),
            &[5; 9],
        ]);
        let cluster = |members: &[usize], shared| Cluster {
            members: members.to_vec(),
            shared,
        };
        assert_eq!(found, [cluster(&[0, 2], 8), cluster(&[1, 3], 7)]);
    }

    #[test]
    fn a_long_pair_is_not_given_up_for_a_short_crowd() {
        let long = [3; 30];
        let short: Vec<Vec<u32>> = (0..3)
            .map(|i| [vec![3; 6], vec![50 + i; 4]].concat())
            .collect();
        let found = plan(&[&long, &long, &short[0], &short[1], &short[2]]);
        let saved: usize = found.iter().map(|c| c.shared * (c.members.len() - 1)).sum();
        assert_eq!(saved, 30 + 2 * 6);
    }

    #[test]
    fn nothing_in_common_is_no_cluster() {
        assert_eq!(plan(&[&[1; 9], &[2; 9], &[1, 1, 1, 1, 1]]), []);
        assert_eq!(plan(&[&[1; 9]]), []);
        assert_eq!(plan(&[]), []);
    }
}
