//! The state of a party, and what it does at the start, on input and when a timer fires.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byzlab_crypto::{Certificate, Digest, Evidence, PartyId, Reject, Signer, Tally, Verified};

use super::{
    ABOUT, Params,
    rules::{Lock, Rules},
    wire::{self, Message, Proposal, Report, Vote, Vote2, Wire},
};
use crate::{
    About, Context, Effects, Field, Packet, Protocol, Request, Situation, Stored, Tag, Time,
    Values, View,
    durable::durable,
    effects::Shown,
    smr::{Commits, Ordered, Replica, Sync},
};

/// How many views back votes are kept. Losing older ones is safe: a later commit covers them
/// (corrections C5).
pub(super) const VIEWS_KEPT: u64 = 8;

/// The moments at which a party acts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// 4vΔ.
    Status(View),
    /// (4v+1)Δ.
    Propose(View),
    /// (4v+2)Δ.
    Vote(View),
    /// (4v+3)Δ.
    Vote2(View),
    /// A body did not come.
    Fetch(Digest),
}

/// What must survive a crash (corrections A10).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Record {
    /// The last view for which a status was sent: no vote2 of an earlier view follows.
    pub status: View,
    /// The lock that it named, or a later one; nothing for genesis.
    pub lock: Option<Certificate<Vote>>,
    /// The last view in which this party proposed, and what.
    pub proposed: Option<(View, Digest)>,
    /// The last view in which it voted, and for what.
    pub voted: Option<(View, Digest)>,
    /// The last view in which it sent vote2.
    pub voted2: View,
    /// What is decided, and the commit certificate that waits for bodies.
    pub commits: Commits<Certificate<Vote2>>,
}

durable!(Record { status, lock, proposed, voted, voted2, commits });

/// A party of PBFT.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pbft {
    pub(super) context: Arc<Context>,
    pub(super) rules: &'static Rules,
    pub(super) me: Signer,
    pub(super) record: Record,
    pub(super) replica: Replica,
    /// Whether the party takes part: not if its disk was empty in an instance that had started.
    pub(super) active: bool,
    /// The view that the clock says; genesis before the first one.
    pub(super) view: View,
    /// Leader of the view: the statuses received, and the heights of their senders' logs.
    pub(super) reports: BTreeMap<PartyId, (Report, u64)>,
    /// Valid proposals of the view, in order of arrival, two at the most.
    pub(super) proposals: Vec<Arc<Proposal>>,
    /// Votes of the last views.
    pub(super) votes: BTreeMap<View, Tally<Vote>>,
    /// Second votes of the last views.
    pub(super) votes2: BTreeMap<View, Tally<Vote2>>,
    /// The view of the highest commit certificate that was passed on.
    pub(super) passed_on: View,
    /// The highest second vote of each party: a lower lock reported later proves its guilt.
    pub(super) last_vote2: Vec<Option<Verified<Vote2>>>,
    /// Who was accused of what.
    accused: BTreeSet<(PartyId, String)>,
}

impl Pbft {
    /// The lock as plain data.
    pub(super) fn lock(&self) -> Lock {
        lock_of(self.record.lock.as_ref(), self.replica.chain.genesis())
    }

    /// When a phase of a view begins: 0 status, 1 propose, 2 vote, 3 vote2.
    pub(super) fn phase(&self, view: View, phase: u64) -> Time {
        let phases = view.0.saturating_mul(4).saturating_add(phase);
        Time(self.context.delta.0.saturating_mul(phases))
    }

    pub(super) fn persist(&self, fx: &mut Effects<Self>) {
        fx.persist(self.record.clone());
    }

    /// Line 16: accuses a party, once for each fault, however often the proof is shown.
    pub(super) fn accuse(&mut self, evidence: Evidence, fx: &mut Effects<Self>) {
        if self.accused.insert((evidence.culprit, evidence.fault.clone())) {
            fx.note(16);
            fx.accuse(evidence);
        }
    }
}

/// A certificate as plain data; none is genesis.
pub(super) fn lock_of(lock: Option<&Certificate<Vote>>, genesis: Digest) -> Lock {
    lock.map_or((View::GENESIS, genesis), |lock| (lock.statement().view, lock.statement().hash))
}

impl Ordered for Pbft {
    const ACCUSES: u8 = 16;

    fn sync(message: Sync) -> Wire {
        Wire::Sync(message)
    }

    fn sync_timer(hash: Digest) -> Timer {
        Timer::Fetch(hash)
    }
}

impl Protocol for Pbft {
    const ABOUT: About = ABOUT;

    type Params = Params;
    type Wire = Wire;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;

    fn fields() -> &'static [Field] {
        super::FIELDS
    }

    fn params(values: &Values) -> Params {
        Params::from_values(values)
    }

    fn new(context: &Arc<Context>, signer: Signer, params: &Params) -> Self {
        Pbft {
            replica: Replica::new(context, signer.party(), params.batch),
            context: context.clone(),
            rules: params.rules(),
            me: signer,
            record: Record::default(),
            active: true,
            view: View::GENESIS,
            reports: BTreeMap::new(),
            proposals: Vec::new(),
            votes: BTreeMap::new(),
            votes2: BTreeMap::new(),
            passed_on: View::GENESIS,
            last_vote2: vec![None; context.committee.n()],
            accused: BTreeSet::new(),
        }
    }

    fn tag(wire: &Wire) -> Tag {
        wire::tag(wire)
    }

    fn check(context: &Context, wire: &Wire) -> Result<Message, Reject> {
        wire::check(context, wire)
    }

    fn start(&mut self, recovered: Option<&Stored<Record>>, fx: &mut Effects<Self>) {
        match recovered {
            // A disk that is empty later on tells of a loss, not of a start.
            None if fx.now() > Time::ZERO => self.active = false,
            None => self.persist(fx),
            Some(stored) => self.recover(stored, fx),
        }
        if self.active {
            // After a crash the present view counts as done: the next one is the first to act in.
            let mut next = View(fx.now().0 / (self.context.delta.0 * 4)).next();
            next = next.max(self.record.status.next());
            fx.set_timer(Timer::Status(next), self.phase(next, 0));
        }
    }

    fn command(&mut self, request: &Request, fx: &mut Effects<Self>) {
        self.replica.submit(request, fx);
    }

    fn message(&mut self, from: PartyId, message: &Message, fx: &mut Effects<Self>) {
        if !self.active {
            return;
        }
        match message {
            Message::Status { report, commit, decided, bodies } => {
                if let Some(commit) = commit {
                    self.on_commit(commit, fx);
                }
                self.on_status(report, *decided, bodies, fx);
            }
            Message::Propose(proposal) => self.on_propose(proposal, fx),
            Message::Vote(vote) => self.on_vote(vote, fx),
            Message::Vote2 { vote, certificate } => self.on_vote2(vote, certificate, fx),
            Message::Commit(certificate) => self.on_commit(certificate, fx),
            Message::Fetch { hash, above } => self.replica.answer(from, hash, *above, fx),
            Message::Blocks(blocks) => self.on_blocks(from, blocks, fx),
        }
    }

    fn timer(&mut self, timer: Timer, fx: &mut Effects<Self>) {
        match timer {
            Timer::Status(view) => self.begin(view, fx),
            Timer::Propose(view) => self.propose(view, fx),
            Timer::Vote(view) => self.vote(view, fx),
            Timer::Vote2(view) => self.vote2(view, true, fx),
            Timer::Fetch(hash) => {
                self.replica.ask_again(hash, &self.context, fx);
            }
        }
    }

    fn show(&self, shown: &mut Shown) {
        shown.value("view", self.view);
        shown.value("lock", format!("{} of view {}", self.lock().1, self.lock().0));
        shown.value("voted", self.record.voted.map_or(View::GENESIS, |(view, _)| view));
        shown.value("voted2", self.record.voted2);
        shown.value("height", self.replica.chain.decided_height());
        shown.value("pending", self.replica.pool.len());
    }

    fn deadline(context: &Context, _params: &Params, situation: &Situation) -> Option<Time> {
        super::deadline(context, situation)
    }

    fn forensics(
        context: &Context,
        witnessed: &[Arc<Packet<Self>>],
    ) -> Vec<byzlab_crypto::Evidence> {
        super::forensics::culprits(context, witnessed)
    }
}

impl Pbft {
    /// Takes back what the disk holds.
    fn recover(&mut self, stored: &Stored<Record>, fx: &mut Effects<Self>) {
        self.record = (*stored.record).clone();
        self.replica.recover(&stored.blocks);
        self.view = View(fx.now().0 / (self.context.delta.0 * 4));
        // Whoever crashed may not have passed them on. The one that waits stays on disk while the
        // other one is decided.
        if let Some(decided) = self.record.commits.decided.take() {
            self.on_commit(&decided, fx);
        }
        if let Some(pending) = self.record.commits.pending.take() {
            self.on_commit(&pending, fx);
        }
    }

    /// Line 1: a view begins; everybody tells its leader what it is locked on.
    fn begin(&mut self, view: View, fx: &mut Effects<Self>) {
        self.view = view;
        self.reports.clear();
        self.proposals.clear();
        let oldest = View(view.0.saturating_sub(VIEWS_KEPT));
        self.votes = self.votes.split_off(&oldest);
        self.votes2 = self.votes2.split_off(&oldest);

        fx.enter(view);
        fx.note(1);
        let leader = self.context.leader(view);
        if leader == self.me.party() {
            fx.set_timer(Timer::Propose(view), self.phase(view, 1));
        }
        fx.set_timer(Timer::Vote(view), self.phase(view, 2));
        fx.set_timer(Timer::Vote2(view), self.phase(view, 3));
        fx.set_timer(Timer::Status(view.next()), self.phase(view.next(), 0));
        self.send_status(view, leader, fx);
    }
}
