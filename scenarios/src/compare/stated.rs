//! What the posts state of a protocol, beside what is measured: message delays, messages and their
//! growth, responsiveness, the cost of a lost view.
//!
//! Delays and messages are those of [`About`]; the rest of the published table stands here, since
//! nothing else needs it. The runs are small and of their own: every delay the same, real rules.

use byzlab_protocols::{About, Role, Span};

use super::fit;
use crate::{Document, Entry, Options, Registry, Run};

/// Where it is measured.
const SIZES: [usize; 4] = [4, 7, 16, 31];

/// What a post states beside [`About`]: by the table of protocols.md 6.3.
struct Post {
    protocol: &'static str,
    /// Whether it goes at the speed of the network.
    responsive: bool,
    /// What one lost view costs: the exponent of n in words, and in the post's own words.
    view_change: Option<(u64, &'static str)>,
}

const POSTS: [Post; 5] = [
    Post { protocol: "dolev-strong", responsive: false, view_change: None },
    Post {
        protocol: "pbft",
        responsive: false,
        view_change: Some((2, "n - t certificates to the leader")),
    },
    Post { protocol: "hotstuff", responsive: true, view_change: Some((1, "O(n)")) },
    Post { protocol: "pbft-classic", responsive: true, view_change: Some((2, "O(n^2)")) },
    Post { protocol: "hotstuff-chained", responsive: true, view_change: Some((1, "O(n)")) },
];

/// Messages of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// The number of parties.
    pub n: u64,
    /// What the formula says.
    pub stated: u64,
    /// The fewest of a view that decided.
    pub fewest: u64,
    /// The most.
    pub most: u64,
}

/// A protocol: what is stated, and what is measured.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The protocol.
    pub about: &'static About,
    /// Message delays of a decision, at the least n: stated and measured.
    pub hops: (u64, u64),
    /// Messages of a decision, at each size.
    pub messages: Vec<Messages>,
    /// The exponent of n in messages: stated, and fitted to what is measured.
    pub growth: (u64, Option<f64>),
    /// How much longer a decision takes when messages take ten times as long, in tenths.
    pub slowdown: u64,
    /// Whether it is said to be responsive, if the post is known here.
    pub responsive: Option<bool>,
    /// What is stated of a lost view: the exponent of n in words, and in words.
    pub view_change: Option<(u64, &'static str)>,
    /// Messages that one lost view adds to change views, by n.
    pub lost_messages: Vec<(u64, f64)>,
    /// Bytes that they have.
    pub lost_bytes: Vec<(u64, f64)>,
}

impl Stated {
    /// Measures a protocol.
    pub fn measure(entry: &dyn Entry, registry: &Registry) -> Stated {
        let about = entry.about();
        let post = POSTS.iter().find(|post| post.protocol == about.name);
        let mut stated = Stated {
            about,
            hops: (0, 0),
            messages: Vec::new(),
            growth: (fit::growth(|n| (about.good_case)(n, (about.tolerates)(n)).messages), None),
            slowdown: 0,
            responsive: post.map(|post| post.responsive),
            view_change: post.and_then(|post| post.view_change),
            lost_messages: Vec::new(),
            lost_bytes: Vec::new(),
        };
        for n in SIZES {
            let f = (n - 1) / 3;
            let good = run(entry, registry, n, f, 100, "");
            let lost = lost(entry, registry, n, f);
            let published = (about.good_case)(n, f);
            let (fewest, most) = good.metrics.messages_per_decision;
            let messages = Messages { n: n as u64, stated: published.messages, fewest, most };
            stated.messages.push(messages);
            if stated.hops == (0, 0) {
                stated.hops = (published.hops, good.metrics.latency_hops.max);
            }
            let (before, after) = (view_change(about, &good), view_change(about, &lost));
            let views = lost.metrics.lost_views.max(1) as f64;
            let more = |after: u64, before: u64| after.saturating_sub(before) as f64 / views;
            if about.kinds.iter().any(|kind| kind.role == Role::ViewChange) {
                stated.lost_messages.push((n as u64, more(after.0, before.0)));
                stated.lost_bytes.push((n as u64, more(after.1, before.1)));
            }
        }
        let measured = stated.messages.iter().map(|size| (size.n, size.most as f64));
        stated.growth.1 = fit::exponent(&measured.collect::<Vec<_>>());
        let latency = |millis| run(entry, registry, 4, 1, millis, "").metrics.latency_ns.p50;
        stated.slowdown = (10 * latency(10)).checked_div(latency(1)).unwrap_or_default();
        stated
    }

    /// Whether it goes at the speed of the network, as measured.
    pub fn is_responsive(&self) -> bool {
        self.slowdown >= 50
    }

    /// Whether all that is stated is measured.
    pub fn agrees(&self) -> bool {
        let exact = |size: &Messages| (size.fewest, size.most) == (size.stated, size.stated);
        let messages = self.messages.iter().all(exact);
        messages
            && self.hops.0 == self.hops.1
            && self.responsive.is_none_or(|responsive| responsive == self.is_responsive())
    }

    /// Whether a lost view costs another power of n than is stated, in words or bytes.
    pub fn loses_otherwise(&self) -> bool {
        let measured = fit::exponent(&self.lost_bytes);
        let (Some((stated, _)), Some(measured)) = (self.view_change, measured) else {
            return self.view_change.is_some() != measured.is_some();
        };
        (measured - stated as f64).abs() > 0.25
    }

    /// The cells of its row: protocol, hops, messages, growth, responsive, lost view.
    pub fn row(&self) -> [String; 6] {
        let yes = |flag| if flag { "yes" } else { "no" };
        let stated: Vec<_> = self.messages.iter().map(|size| size.stated.to_string()).collect();
        let measured = self.messages.iter().map(|size| match size.fewest == size.most {
            true => size.most.to_string(),
            false => format!("{} to {}", size.fewest, size.most),
        });
        let messages =
            format!("{} / {}", stated.join(", "), measured.collect::<Vec<_>>().join(", "));
        let lost = |series: &[(u64, f64)], digits: usize| {
            let numbers: Vec<_> =
                series.iter().map(|(_, value)| format!("{value:.digits$}")).collect();
            let power =
                fit::exponent(series).map_or("none".to_owned(), |power| format!("n^{power:.1}"));
            format!("{} ({power})", numbers.join(", "))
        };
        [
            self.about.name.to_owned(),
            format!("{} / {}", self.hops.0, self.hops.1),
            messages,
            format!("n^{} / {}", self.growth.0, power(self.growth.1)),
            format!(
                "{} / {}: x{}.{}",
                self.responsive.map_or("not stated", yes),
                yes(self.is_responsive()),
                self.slowdown / 10,
                self.slowdown % 10
            ),
            match (&self.view_change, self.lost_messages.is_empty()) {
                (_, true) => "none / none".to_owned(),
                (stated, false) => format!(
                    "{} / {} messages, {} bytes",
                    stated.map_or("not stated", |(_, words)| words),
                    lost(&self.lost_messages, 0),
                    lost(&self.lost_bytes, 0)
                ),
            },
        ]
    }
}

/// The heads of [`Stated::row`].
pub const HEADS: [&str; 6] = [
    "protocol",
    "message delays",
    "messages a decision, n = 4, 7, 16, 31",
    "growth",
    "responsive; when messages take ten times as long",
    "one lost view adds, n = 4, 7, 16, 31",
];

pub(super) fn power(exponent: Option<f64>) -> String {
    exponent.map_or("none".to_owned(), |power| format!("n^{power:.2}"))
}

fn run(entry: &dyn Entry, registry: &Registry, n: usize, f: usize, millis: u64, more: &str) -> Run {
    let name = entry.about().name;
    let text = format!(
        "protocol = \"{name}\"\nn = {n}\nf = {f}\ncrypto = \"ideal\"\nexpect.fired = false\n\
         network.delta = \"100ms\"\nnetwork.delay.constant = \"{}\"\nworkload.commands = 4\n{more}",
        Span(millis * 1_000_000)
    );
    let document = Document::decode("stated", text.as_bytes(), &[], registry);
    let scenario = document.and_then(|document| document.resolve(None, registry));
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    entry.run(&scenario, &Options::default())
}

/// A run in which one view is lost: the third, when there are certificates; the first where the
/// leader of the third does not lead by then.
fn lost(entry: &dyn Entry, registry: &Registry, n: usize, f: usize) -> Run {
    let silent = |view: u64| {
        let more = format!(
            "[[byzantine]]\nparty = \"leader({view})\"\nbehaviour = \"silent\"\n\
             when.views = \"{view}..={view}\"\n"
        );
        run(entry, registry, n, f, 100, &more)
    };
    let third = silent(3);
    if third.metrics.lost_views > 0 { third } else { silent(1) }
}

/// Messages and bytes of a run that change views.
fn view_change(about: &About, run: &Run) -> (u64, u64) {
    let changes = |name: &str| {
        about.kinds.iter().any(|kind| kind.name == name && kind.role == Role::ViewChange)
    };
    let costs = run.metrics.by_kind.iter().filter(|(name, _)| changes(name));
    costs.fold((0, 0), |(messages, bytes), (_, costs)| {
        (messages + costs.messages, bytes + costs.bytes)
    })
}
