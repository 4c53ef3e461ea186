//! How long messages take.

use std::sync::Arc;

use byzlab_crypto::PartyId;
use byzlab_protocols::{Span, Stream};

/// One-way delays between regions, and where each party is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Regions {
    /// The region of each party, as a row of the tables.
    pub of: Vec<u16>,
    /// Median delay by sender's and receiver's region.
    pub p50: Vec<Vec<Span>>,
    /// 90th percentile by sender's and receiver's region.
    pub p90: Vec<Vec<Span>>,
}

/// A distribution of delays. No draw is below one tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delay {
    /// Always the same.
    Constant(Span),
    /// From the first to the second, all equally likely.
    Uniform(Span, Span),
    /// Nearly normal, with this mean and standard deviation.
    Normal(Span, Span),
    /// Nearly normal between regions, fitted to median and 90th percentile.
    Regions(Arc<Regions>),
}

/// The 90th percentile of the normal distribution in thousandths of a standard deviation.
const P90_MILLI: u64 = 1282;

impl Delay {
    /// Draws the delay of one message from its link's stream.
    pub fn draw(&self, from: PartyId, to: PartyId, stream: &mut Stream) -> Span {
        let span = match self {
            Delay::Constant(span) => *span,
            Delay::Uniform(low, high) => Span(stream.between(low.0, high.0)),
            Delay::Normal(mean, deviation) => normal(*mean, *deviation, stream),
            Delay::Regions(regions) => {
                let (median, deviation) = regions.of_link(from, to);
                normal(median, deviation, stream)
            }
        };
        span.max(Span::TICK)
    }

    /// The least and the greatest that the distribution is centred on: what has to fit below Δ.
    /// Tails of normal distributions beyond Δ are cut off there.
    pub fn centre(&self) -> (Span, Span) {
        match self {
            Delay::Constant(span) => (*span, *span),
            Delay::Uniform(low, high) => (*low, *high),
            Delay::Normal(mean, _) => (*mean, *mean),
            Delay::Regions(regions) => {
                let used = || {
                    let pairs =
                        regions.of.iter().flat_map(|a| regions.of.iter().map(move |b| (a, b)));
                    pairs.map(|(a, b)| regions.p50[usize::from(*a)][usize::from(*b)])
                };
                (used().min().unwrap_or_default(), used().max().unwrap_or_default())
            }
        }
    }
}

impl Regions {
    fn of_link(&self, from: PartyId, to: PartyId) -> (Span, Span) {
        let (row, column) = (usize::from(self.of[from.index()]), usize::from(self.of[to.index()]));
        let (median, p90) = (self.p50[row][column], self.p90[row][column]);
        (median, Span(p90.0.saturating_sub(median.0) * 1000 / P90_MILLI))
    }
}

fn normal(mean: Span, deviation: Span, stream: &mut Stream) -> Span {
    let offset = (i128::from(stream.deviate()) * i128::from(deviation.0)) >> 32;
    Span(u64::try_from(i128::from(mean.0) + offset).unwrap_or(0))
}
