//! The state of a party, and what it does at the start, on input and when a timer fires.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Digest, PartyId, PartySet, Reject, Signer, Tally, Verified};

use super::{
    ABOUT, Params,
    rules::Rules,
    wire::{self, Decided, Message, Qc, Timeout, TimeoutCertificate, Vote, Wire},
};
use crate::{
    About, Context, Effects, Field, Packet, Protocol, Request, Situation, Span, Stored, Tag, Time,
    Values, View,
    durable::durable,
    effects::Shown,
    smr::{Block, Commit, Commits, Ordered, Pace, Replica, Sync},
};

/// The timers of a party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The view takes too long.
    View,
    /// The block of a certificate that was made here should have come by now.
    Body,
    /// The last decision is old enough to be told to those who may have missed it.
    Share,
    /// A body did not come.
    Fetch(Digest),
    /// What gathered may be proposed.
    Pace,
}

/// What must survive a crash (corrections A8, A10).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Record {
    /// The view.
    pub view: View,
    /// The timeout certificate that brought the party into it; none for the first one, after a
    /// certificate, and after an amplification.
    pub entry: Option<TimeoutCertificate>,
    /// The last vote.
    pub voted: Option<Vote>,
    /// The highest view that was given up.
    pub timed_out: View,
    /// The last view in which this party proposed, and what.
    pub proposed: Option<(View, Digest)>,
    /// The highest certificate; none for genesis.
    pub high: Option<Qc>,
    /// View and block of the lock; none for genesis.
    pub locked: Option<(View, Digest)>,
    /// What is decided, and the decision that waits for bodies.
    pub commits: Commits<Decided>,
    /// How often the party was restarted.
    pub restarts: u64,
}

durable!(Record { view, entry, voted, timed_out, proposed, high, locked, commits, restarts });

/// A party of chained HotStuff.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ChainedHotStuff {
    pub(super) context: Arc<Context>,
    pub(super) rules: &'static Rules,
    /// T, the time that a view may take.
    pub(super) patience: Span,
    /// Whether timeouts carry votes.
    pub(super) salvage: bool,
    pub(super) pace: Pace,
    pub(super) me: Signer,
    pub(super) record: Record,
    pub(super) replica: Replica,
    /// Whether the party takes part: not if its disk was empty in an instance that had started.
    pub(super) active: bool,
    pub(super) view: View,
    /// The votes by view: of the one before the present view, and of few later ones.
    pub(super) tallies: BTreeMap<View, Tally<Vote>>,
    /// The first proposal of the view that is justified: there is no second.
    pub(super) proposal: Option<Digest>,
    /// The same, while bodies below it are missing, and view and block of its certificate.
    pub(super) waiting: Option<(Block, Option<(View, Digest)>)>,
    /// What the leader of the next view proposed early.
    pub(super) early: Option<(Block, Option<Qc>)>,
    /// The view of the certificate that showed the last decision of a request: others may not
    /// know it.
    pub(super) news: Option<View>,
    /// The latest timeout of each party, with its certificate.
    pub(super) timeouts: BTreeMap<PartyId, (Verified<Timeout>, Option<Qc>)>,
    /// The view for which this party multicast a timeout since it came up.
    pub(super) gave_up: View,
    /// After a restart: who told what was missed, until it is a quorum.
    pub(super) asking: Option<PartySet>,
    /// When each party was last helped.
    pub(super) helped: BTreeMap<PartyId, Time>,
    /// Whether the view timer is armed.
    pub(super) armed: bool,
}

impl ChainedHotStuff {
    pub(super) fn persist(&mut self, fx: &mut Effects<Self>) {
        self.record.view = self.view;
        fx.persist(self.record.clone());
    }

    /// Whether this party leads the view that it is in.
    pub(super) fn leads(&self) -> bool {
        self.context.leader(self.view) == self.me.party()
    }

    /// View and block of the highest certificate.
    pub(super) fn high(&self) -> (View, Digest) {
        point(self.record.high.as_ref(), self.replica.chain.genesis())
    }

    /// View and block of the lock.
    pub(super) fn lock(&self) -> (View, Digest) {
        self.record.locked.unwrap_or((View::GENESIS, self.replica.chain.genesis()))
    }

    /// The view of the last decision.
    pub(super) fn committed(&self) -> View {
        self.record.commits.highest().map_or(View::GENESIS, Commit::view)
    }

    /// Whether something waits to be decided, or to be learnt after a restart. Else the party is
    /// quiet.
    pub(super) fn busy(&self) -> bool {
        self.undecided() || self.asking.is_some()
    }

    /// Whether a request waits to be decided: one that was submitted, or one that stands in a
    /// block.
    pub(super) fn undecided(&self) -> bool {
        !self.replica.pool.is_empty() || self.open_requests().next().is_some()
    }

    /// The requests of blocks that are held, in the log not yet: block and place.
    pub(super) fn open_requests(&self) -> impl Iterator<Item = (&Block, usize)> {
        let chain = &self.replica.chain;
        chain.open().flat_map(|block| {
            let ids = block.requests().iter().enumerate();
            ids.filter(|(_, id)| !chain.is_executed(id)).map(move |(at, _)| (block, at))
        })
    }

    /// Arms the view timer if something waits, else disarms it.
    pub(super) fn watch(&mut self, fx: &mut Effects<Self>) {
        match (self.busy(), self.armed) {
            (true, false) => {
                self.armed = true;
                fx.set_timer(Timer::View, fx.now().after(self.patience));
            }
            (false, true) => {
                self.armed = false;
                fx.cancel_timer(Timer::View);
            }
            _ => {}
        }
    }
}

/// View and block of a certificate; none is genesis.
pub(super) fn point(qc: Option<&Qc>, genesis: Digest) -> (View, Digest) {
    qc.map_or((View::GENESIS, genesis), |qc| (qc.statement().view, qc.statement().hash))
}

impl Ordered for ChainedHotStuff {
    const ACCUSES: u8 = 15;

    fn sync(message: Sync) -> Wire {
        Wire::Sync(message)
    }

    fn sync_timer(hash: Digest) -> Timer {
        Timer::Fetch(hash)
    }
}

impl Protocol for ChainedHotStuff {
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
        ChainedHotStuff {
            context: context.clone(),
            rules: params.rules(),
            patience: context.delta * params.patience,
            salvage: params.salvage,
            pace: Pace::new(context.delta, params.pace),
            replica: Replica::new(context, signer.party(), params.batch),
            me: signer,
            record: Record::default(),
            active: true,
            view: View::GENESIS,
            tallies: BTreeMap::new(),
            proposal: None,
            waiting: None,
            early: None,
            news: None,
            timeouts: BTreeMap::new(),
            gave_up: View::GENESIS,
            asking: None,
            helped: BTreeMap::new(),
            armed: false,
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
            None if fx.now() > Time::ZERO => self.active = false,
            None => {
                // A disk that is empty later on tells of a loss, not of a start.
                self.persist(fx);
                self.enter(View(1), None, fx);
            }
            Some(stored) => self.recover(stored, fx),
        }
    }

    fn command(&mut self, request: &Request, fx: &mut Effects<Self>) {
        if self.active {
            self.submit(request, fx);
            self.watch(fx);
        }
    }

    fn message(&mut self, from: PartyId, message: &Message, fx: &mut Effects<Self>) {
        if !self.active {
            return;
        }
        match message {
            Message::Propose(block, justify) => self.on_propose(block, justify.as_ref(), fx),
            Message::Vote(vote) => self.on_vote(vote, fx),
            Message::Timeout(message) => self.on_timeout(from, message, fx),
            Message::TimeoutCertificate(certificate, vote) => {
                self.on_timeout_certificate(certificate, fx);
                self.count(vote.as_ref(), false, fx);
            }
            Message::Help { answers, high, entry, commit } => {
                self.on_answer(from, *answers);
                self.on_help(high.as_ref(), entry.as_deref(), commit.as_deref(), fx);
            }
            Message::Fetch { hash, above } => self.replica.answer(from, hash, *above, fx),
            Message::Blocks(blocks) => self.on_blocks(from, blocks, fx),
        }
        self.watch(fx);
    }

    fn timer(&mut self, timer: Timer, fx: &mut Effects<Self>) {
        match timer {
            Timer::View => {
                self.armed = false;
                self.give_up(fx);
                self.watch(fx);
            }
            Timer::Body => self.want_high(fx),
            Timer::Share => self.share(fx),
            Timer::Fetch(hash) => {
                self.replica.ask_again(hash, &self.context, fx);
            }
            Timer::Pace => {
                self.pace.turns();
                self.propose(fx);
            }
        }
    }

    fn show(&self, shown: &mut Shown) {
        shown.value("view", self.view);
        shown.value("high", format!("{} of view {}", self.high().1, self.high().0));
        shown.value("lock", format!("{} of view {}", self.lock().1, self.lock().0));
        shown.value("voted", self.record.voted.as_ref().map_or(View::GENESIS, |vote| vote.view));
        shown.value("timed out", self.record.timed_out);
        shown.value("height", self.replica.chain.decided_height());
        shown.value("pending", self.replica.pool.len());
    }

    fn deadline(context: &Context, params: &Params, situation: &Situation) -> Option<Time> {
        super::deadline(context, params, situation)
    }

    fn forensics(
        context: &Context,
        witnessed: &[Arc<Packet<Self>>],
    ) -> Vec<byzlab_crypto::Evidence> {
        super::forensics::culprits(context, witnessed)
    }
}

impl ChainedHotStuff {
    /// Takes back what the disk holds. The recovered view counts as given up, whatever was voted
    /// in it, and the others are asked for what was missed, again and again.
    fn recover(&mut self, stored: &Stored<Record>, fx: &mut Effects<Self>) {
        self.record = (*stored.record).clone();
        self.replica.recover(&stored.blocks);
        self.view = self.record.view.max(View(1));
        self.record.restarts += 1;
        self.asking = Some([self.me.party()].into_iter().collect());
        self.on_answer(self.me.party(), self.record.restarts);
        fx.enter(self.view);
        // The one that waits stays on disk while the other one is decided.
        if let Some(decided) = self.record.commits.decided.take() {
            self.on_commit(&decided, fx);
        }
        if let Some(pending) = self.record.commits.pending.take() {
            self.on_commit(&pending, fx);
        }
        self.send_timeout(fx);
        self.adopt(self.record.high.clone().as_ref(), fx);
        self.watch(fx);
    }
}
