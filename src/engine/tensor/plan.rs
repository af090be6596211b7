//! The attention work of a pass as few large tensors: which queries are computed together, where their
//! keys come from and which of them each one sees.

use std::ops::Range;
use std::sync::OnceLock;

use candle_core::{Device, Tensor};

use super::rotary::Rotary;
use super::stack::{Stack, indices};
use crate::engine::batch::Batch;
use crate::engine::jobs::Store;

/// Most scores of a tile: what one takes in memory is a few times as many f32.
const SCORES: usize = 1 << 25;
/// Query positions of a piece, at least and at most.
const QUERIES: (usize, usize) = (16, 512);

/// What a pass needs beside its rows; on the device, once for all blocks.
#[derive(Debug)]
pub(super) struct Plan {
    rotary: Vec<Rotary>,
    groups: Vec<Group>,
    heads: usize,
    device: Device,
    windows: Vec<Window>,
}

/// The tiles of the blocks with one window, made when first needed.
#[derive(Debug)]
struct Window {
    positions: Option<usize>,
    /// Of all rows.
    all: OnceLock<Vec<Tile>>,
    /// Of the rows that are returned.
    kept: OnceLock<Vec<Tile>>,
}

/// Rows that see the same cached positions.
#[derive(Debug)]
struct Group {
    sequence: usize,
    /// Cached positions.
    cached: usize,
    /// Rows of each part or branch.
    lanes: Vec<Range<usize>>,
    /// Whether keys and values of the rows stand in the batch rather than in the cache.
    own: bool,
}

impl Group {
    fn rows(&self) -> usize {
        self.lanes.iter().map(Range::len).sum()
    }
}

/// Pieces of equal shape: `pieces` times `queries` query positions against `keys` keys each. Shorter ones
/// are filled up.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) pieces: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    /// Sequences and positions whose cached keys are put one below the other.
    pub(super) cached: Vec<(usize, Range<usize>)>,
    /// Rows of the batch whose keys are put below those.
    pub(super) own: Range<usize>,
    /// Which of these keys belong to which piece, `(pieces · keys)`; `None`: they are in order.
    pub(super) arrangement: Option<Tensor>,
    /// Rows of the batch that ask, `(pieces · queries)`; `None`: all in order.
    pub(super) rows: Option<Tensor>,
    /// 0 or −∞ to be added to the scores, `(pieces, 1, 1, queries, keys)`; `None`: all is visible.
    pub(super) mask: Option<Tensor>,
    /// Results that belong to queries; `None`: all.
    pub(super) filled: Option<Tensor>,
}

/// Part of a group.
#[derive(Debug, Clone)]
struct Piece {
    sequence: usize,
    cached: Range<usize>,
    own: Range<usize>,
    queries: Vec<Query>,
}

#[derive(Debug, Clone, Copy)]
struct Query {
    row: usize,
    /// First row of its part or branch.
    lane: usize,
    /// First visible position.
    first: usize,
}

impl Piece {
    fn keys(&self) -> usize {
        self.cached.len() + self.own.len()
    }
}

impl Plan {
    pub(super) fn new(
        stack: &Stack,
        batch: &Batch,
        store: &Store<'_>,
    ) -> candle_core::Result<Self> {
        let device = &stack.target().device;
        let config = stack.config();
        let rotary = stack
            .ropes()
            .iter()
            .map(|rope| Rotary::new(rope, &batch.positions, &batch.long, device))
            .collect::<candle_core::Result<_>>()?;
        let mut windows: Vec<_> = config.spec.layers[stack.first()..]
            .iter()
            .map(|layer| layer.window)
            .collect();
        windows.sort_unstable();
        windows.dedup();
        Ok(Self {
            rotary,
            groups: groups(store),
            heads: config.n_heads,
            device: device.clone(),
            windows: windows
                .into_iter()
                .map(|positions| Window {
                    positions,
                    all: OnceLock::new(),
                    kept: OnceLock::new(),
                })
                .collect(),
        })
    }

    pub(super) fn rotary(&self, rope: usize) -> &Rotary {
        &self.rotary[rope]
    }

    /// The work of a block whose queries see `window` positions; with `trim` of the rows that are returned alone.
    pub(super) fn tiles(
        &self,
        window: Option<usize>,
        trim: bool,
        batch: &Batch,
    ) -> candle_core::Result<&[Tile]> {
        let Some(found) = self.windows.iter().find(|w| w.positions == window) else {
            candle_core::bail!("no block has a window of {window:?}");
        };
        let cell = if trim { &found.kept } else { &found.all };
        if let Some(tiles) = cell.get() {
            return Ok(tiles);
        }
        let tiles = self.compute(window, trim, batch)?;
        Ok(cell.get_or_init(|| tiles))
    }

    fn compute(
        &self,
        window: Option<usize>,
        trim: bool,
        batch: &Batch,
    ) -> candle_core::Result<Vec<Tile>> {
        let pieces: Vec<Piece> = self
            .groups
            .iter()
            .flat_map(|group| self.pieces(group, window, trim, batch))
            .collect();
        let mut tiles = Vec::new();
        let mut rest = pieces.as_slice();
        while !rest.is_empty() {
            let (taken, others) = rest.split_at(self.together(rest));
            tiles.push(tile(taken, &batch.positions, &self.device)?);
            rest = others;
        }
        Ok(tiles)
    }

    /// Cuts a group's queries so that the scores of a piece stay within bounds.
    fn pieces(
        &self,
        group: &Group,
        window: Option<usize>,
        trim: bool,
        batch: &Batch,
    ) -> Vec<Piece> {
        let positions = &batch.positions;
        let first = |position: usize| window.map_or(0, |w| (position + 1).saturating_sub(w));
        let queries: Vec<Query> = group
            .lanes
            .iter()
            .flat_map(|lane| {
                let shown = if trim {
                    batch.kept_of(lane.clone())
                } else {
                    lane.clone()
                };
                shown.map(|row| Query {
                    row,
                    lane: lane.start,
                    first: first(positions[row]),
                })
            })
            .collect();
        let keys = group.cached + if group.own { group.rows() } else { 0 };
        let size = (SCORES / (self.heads * keys).max(1)).clamp(QUERIES.0, QUERIES.1);
        let piece = |queries: &[Query]| {
            let first = queries.iter().map(|q| q.first).min().unwrap_or(0);
            let last = queries.iter().map(|q| q.row).max().unwrap_or(0);
            let lane = queries.iter().map(|q| q.lane).min().unwrap_or(0);
            let cached = if group.own {
                group.cached
            } else {
                positions[last] + 1
            };
            Piece {
                sequence: group.sequence,
                cached: first.min(cached)..cached,
                own: if group.own { lane..last + 1 } else { 0..0 },
                queries: queries.to_vec(),
            }
        };
        queries.chunks(size).map(piece).collect()
    }

    /// How many of the first pieces make a tile: as long as little of it is filling.
    fn together(&self, pieces: &[Piece]) -> usize {
        let (mut queries, mut keys, mut used) = (0, 0, 0);
        for (n, piece) in pieces.iter().enumerate() {
            queries = queries.max(piece.queries.len());
            keys = keys.max(piece.keys());
            used += piece.queries.len() * piece.keys();
            let whole = (n + 1) * queries * keys;
            if n > 0 && (whole * self.heads > SCORES || whole > 2 * used) {
                return n;
            }
        }
        pieces.len()
    }
}

fn groups(store: &Store<'_>) -> Vec<Group> {
    match store {
        Store::Append(_, spans) | Store::Frozen(_, spans) => spans
            .iter()
            .map(|span| Group {
                sequence: span.sequence,
                cached: span.start + span.len,
                lanes: std::iter::once(span.row..span.row + span.len).collect(),
                own: false,
            })
            .collect(),
        Store::Branches(_, branches) => {
            let mut groups: Vec<Group> = Vec::new();
            let mut row = 0;
            for branch in *branches {
                let lane = row..row + branch.len;
                row = lane.end;
                match groups.last_mut() {
                    // Neighbours that continue the same positions of the same sequence, as long as
                    // what they share is more than what each would see of the others in vain.
                    Some(last)
                        if last.sequence == branch.sequence
                            && last.cached == branch.start
                            && last.rows() < branch.start =>
                    {
                        last.lanes.push(lane);
                    }
                    _ => groups.push(Group {
                        sequence: branch.sequence,
                        cached: branch.start,
                        lanes: vec![lane],
                        own: true,
                    }),
                }
            }
            groups
        }
    }
}

/// Puts pieces together; missing queries and keys repeat the first ones.
fn tile(pieces: &[Piece], positions: &[usize], device: &Device) -> candle_core::Result<Tile> {
    let size = |f: fn(&Piece) -> usize| pieces.iter().map(f).max().unwrap_or(0);
    let (t, l) = (size(|p| p.queries.len()), size(Piece::keys));
    let own = pieces.iter().filter(|p| !p.own.is_empty());
    let low = own.clone().map(|p| p.own.start).min().unwrap_or(0);
    let high = own.map(|p| p.own.end).max().unwrap_or(0);
    let below: usize = pieces.iter().map(|p| p.cached.len()).sum();
    let (mut arrangement, mut rows, mut filled) = (Vec::new(), Vec::new(), Vec::new());
    let mut mask = Vec::with_capacity(pieces.len() * t * l);
    let mut from = 0;
    for (i, piece) in pieces.iter().enumerate() {
        let cached = from..from + piece.cached.len();
        from = cached.end;
        let own = piece.own.start.max(low) - low + below;
        let keys = cached.chain(own..own + piece.own.len());
        let missing = std::iter::repeat_n(0, l - piece.keys());
        arrangement.extend(keys.chain(missing));
        for j in 0..t {
            let Some(query) = piece.queries.get(j) else {
                rows.push(0);
                // A query that sees nothing would turn its row, and with it every gradient, into NaN.
                mask.extend(std::iter::repeat_n(0.0, l));
                continue;
            };
            filled.push(i * t + j);
            rows.push(query.row);
            let position = positions[query.row];
            let seen = |there: usize| (query.first..=position).contains(&there);
            mask.extend(piece.cached.clone().map(|p| hidden(!seen(p))));
            let lane = query.lane..=query.row;
            let visible = |r: usize| lane.contains(&r) && seen(positions[r]);
            mask.extend(piece.own.clone().map(|r| hidden(!visible(r))));
            mask.extend(std::iter::repeat_n(hidden(true), l - piece.keys()));
        }
    }
    let in_order = |rows: &[usize], n: usize| rows.len() == n && rows.iter().copied().eq(0..n);
    let unless =
        |unneeded: bool, rows: &[usize]| (!unneeded).then(|| indices(rows, device)).transpose();
    let shown = mask.iter().all(|v| *v == 0.0);
    Ok(Tile {
        pieces: pieces.len(),
        queries: t,
        keys: l,
        cached: pieces
            .iter()
            .map(|p| (p.sequence, p.cached.clone()))
            .collect(),
        own: low..high,
        arrangement: unless(in_order(&arrangement, below + high - low), &arrangement)?,
        rows: unless(in_order(&rows, positions.len()), &rows)?,
        mask: if shown {
            None
        } else {
            Some(Tensor::from_vec(mask, (pieces.len(), 1, 1, t, l), device)?)
        },
        filled: unless(filled.len() == rows.len(), &filled)?,
    })
}

fn hidden(yes: bool) -> f32 {
    if yes { f32::NEG_INFINITY } else { 0.0 }
}
