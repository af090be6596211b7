//! Which queries see which keys: the attention work of a packed batch.

use std::ops::Range;

use super::attention::{Job, Query};
use super::batch::Batch;
use super::cache::Span;
use super::{Branch, KvCache};

/// Query positions per attention task of a long prompt.
const QUERIES_PER_JOB: usize = 32;

/// Where keys and values stand.
pub(super) enum Store<'a> {
    /// The batch is written to the cache block by block.
    Append(&'a mut KvCache, &'a [Span]),
    /// The cache has keys and values of another pass at the batch's positions, which are read in place of
    /// the batch's own; nothing is written.
    Frozen(&'a KvCache, &'a [Span]),
    /// The batch keeps its own; the cache is only read.
    Branches(&'a KvCache, &'a [Branch]),
}

impl Store<'_> {
    /// The cache that is read.
    pub(super) fn cache(&self) -> &KvCache {
        match self {
            Store::Append(cache, _) => cache,
            Store::Frozen(cache, _) | Store::Branches(cache, _) => cache,
        }
    }

    /// The work of `block`: all rows of the batch, or those that are returned where `trim` is set. A query
    /// sees `window` positions, its own included.
    pub(super) fn jobs(
        &self,
        block: usize,
        batch: &Batch,
        trim: bool,
        window: Option<usize>,
    ) -> (Vec<Query>, Vec<Job<'_>>) {
        let first = |position: usize| window.map_or(0, |w| (position + 1).saturating_sub(w));
        let shown = |rows: Range<usize>| if trim { batch.kept_of(rows) } else { rows };
        let mut queries: Vec<Query> = Vec::new();
        let mut jobs: Vec<Job<'_>> = Vec::new();
        match self {
            Store::Append(_, spans) | Store::Frozen(_, spans) => {
                for span in *spans {
                    let rows = shown(span.row..span.row + span.len);
                    for chunk in rows.clone().step_by(QUERIES_PER_JOB) {
                        let from = queries.len();
                        for row in chunk..rows.end.min(chunk + QUERIES_PER_JOB) {
                            queries.push(Query {
                                row,
                                first: first(batch.positions[row]),
                                cached: batch.positions[row] + 1,
                                own_row: 0,
                                own: 0,
                            });
                        }
                        jobs.push(Job {
                            pages: self.cache().pages(block, span.sequence),
                            queries: from..queries.len(),
                            own: 0..0,
                        });
                    }
                }
            }
            Store::Branches(cache, branches) => {
                let (mut row, mut i) = (0, 0);
                while let Some(head) = branches.get(i) {
                    // Neighbours that continue the same positions of the same sequence form one job.
                    let (from, own) = (queries.len(), row);
                    let same = |b: &&Branch| b.sequence == head.sequence && b.start == head.start;
                    for branch in branches[i..].iter().take_while(same) {
                        if queries.len() - from >= QUERIES_PER_JOB {
                            break;
                        }
                        for shown in shown(row..row + branch.len) {
                            let t = shown - row;
                            queries.push(Query {
                                row: shown,
                                first: first(branch.start + t),
                                cached: branch.start,
                                own_row: row,
                                own: t + 1,
                            });
                        }
                        row += branch.len;
                        i += 1;
                    }
                    jobs.push(Job {
                        pages: cache.pages(block, head.sequence),
                        queries: from..queries.len(),
                        own: own..row,
                    });
                }
            }
        }
        (queries, jobs)
    }
}
