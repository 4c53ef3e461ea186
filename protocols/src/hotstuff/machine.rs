//! The state of a party, and what it does at the start, on input and when a timer fires.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Digest, PartyId, PartySet, Reject, Signer, Tally, Verified};

use super::{
    ABOUT, Params,
    rules::Rules,
    wire::{self, Entry, Message, NewView, Phase, Qc, Timeout, Vote, Wire},
};
use crate::{
    About, Context, Effects, Field, Packet, Protocol, Request, Situation, Span, Stored, Tag, Time,
    Values, View,
    durable::durable,
    effects::Shown,
    smr::{Block, Commits, Ordered, Replica, Sync},
};

/// The timers of a party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The view takes too long.
    View,
    /// Leader: the others should be in the view by now.
    Relay(View),
    /// The last decision is old enough to be told to those who may have missed it.
    Share,
    /// A body did not come.
    Fetch(Digest),
}

/// What must survive a crash (corrections A10).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Record {
    /// The view.
    pub view: View,
    /// What brought the party into it; none for the first one and after an amplification.
    pub entry: Option<Entry>,
    /// The last vote of each phase: its view and block.
    pub voted: [Option<(View, Digest)>; 3],
    /// The highest view that was given up.
    pub timed_out: View,
    /// The last view in which this party proposed, and what.
    pub proposed: Option<(View, Digest)>,
    /// The highest prepare certificate; none for genesis.
    pub high: Option<Qc>,
    /// The lock: the highest pre-commit certificate that was voted on; none for genesis.
    pub locked: Option<Qc>,
    /// What is decided, and the commit certificate that waits for bodies.
    pub commits: Commits<Qc>,
    /// How often the party was restarted.
    pub restarts: u64,
}

durable!(
    Record { view, entry, voted, timed_out, proposed, high, locked, commits, restarts },
    |record: &Record| {
        let of =
            |qc: &Option<Qc>, phase| qc.as_ref().is_none_or(|qc| qc.statement().phase == phase);
        match of(&record.high, Phase::Prepare) && of(&record.locked, Phase::PreCommit) {
            true => Ok(()),
            false => Err(Reject::Malformed("votes of another phase")),
        }
    }
);

/// A party of HotStuff.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HotStuff {
    pub(super) context: Arc<Context>,
    pub(super) rules: &'static Rules,
    /// T, the time that a view may take.
    pub(super) patience: Span,
    pub(super) me: Signer,
    pub(super) record: Record,
    pub(super) replica: Replica,
    /// Whether the party takes part: not if its disk was empty in an instance that had started.
    pub(super) active: bool,
    pub(super) view: View,
    /// Leader: the new-views received, the highest of each party.
    pub(super) new_views: BTreeMap<PartyId, Verified<NewView>>,
    /// Leader: the votes of the view, by phase.
    pub(super) tallies: [Tally<Vote>; 3],
    /// The first proposal of the view that is justified: there is no second.
    pub(super) proposal: Option<Digest>,
    /// The same, while bodies below it are missing, and view and block of its certificate.
    pub(super) waiting: Option<(Block, Option<(View, Digest)>)>,
    /// The certificate of the view that waits for bodies.
    pub(super) waiting_qc: Option<Qc>,
    /// What the leader of the next view sent early: a proposal and a certificate of each phase.
    pub(super) early: Vec<Message>,
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

impl HotStuff {
    pub(super) fn persist(&mut self, fx: &mut Effects<Self>) {
        self.record.view = self.view;
        fx.persist(self.record.clone());
    }

    /// Whether this party leads the view that it is in.
    pub(super) fn leads(&self) -> bool {
        self.context.leader(self.view) == self.me.party()
    }

    /// View and block of the highest prepare certificate.
    pub(super) fn high(&self) -> (View, Digest) {
        point(self.record.high.as_ref(), self.replica.chain.genesis())
    }

    /// View and block of the lock.
    pub(super) fn lock(&self) -> (View, Digest) {
        point(self.record.locked.as_ref(), self.replica.chain.genesis())
    }

    /// The view of the highest commit certificate.
    pub(super) fn committed(&self) -> View {
        self.record.commits.highest().map_or(View::GENESIS, |qc| qc.statement().view)
    }

    /// Whether something waits to be decided, a request or a certified block, or to be learnt
    /// after a restart. Else the party is quiet.
    pub(super) fn busy(&self) -> bool {
        self.undecided() || self.asking.is_some()
    }

    /// Whether a request or a certified block waits to be decided.
    pub(super) fn undecided(&self) -> bool {
        // A certified block of a view after the last decision is an ancestor of the next one, or
        // gives way to it.
        self.high().0 > self.committed() || !self.replica.pool.is_empty()
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

impl Ordered for HotStuff {
    const ACCUSES: u8 = 16;

    fn sync(message: Sync) -> Wire {
        Wire::Sync(message)
    }

    fn sync_timer(hash: Digest) -> Timer {
        Timer::Fetch(hash)
    }
}

impl Protocol for HotStuff {
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
        HotStuff {
            context: context.clone(),
            rules: params.rules(),
            patience: context.delta * params.patience,
            replica: Replica::new(context, signer.party(), params.batch),
            me: signer,
            record: Record::default(),
            active: true,
            view: View::GENESIS,
            new_views: BTreeMap::new(),
            tallies: Default::default(),
            proposal: None,
            waiting: None,
            waiting_qc: None,
            early: Vec::new(),
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
                self.enter(View(1), None, false, fx);
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
            Message::NewView { new_view, high, entry } => {
                self.on_new_view(new_view, high.as_ref(), entry.as_deref(), fx);
            }
            Message::Prepare(block, high) => self.on_prepare(block, high.as_ref(), message, fx),
            Message::Vote(vote) => self.on_vote(vote, fx),
            Message::Certificate(qc) => self.on_certificate(qc, message, fx),
            Message::Timeout(message) => self.on_timeout(from, message, fx),
            Message::TimeoutCertificate(certificate) => {
                self.on_timeout_certificate(certificate, fx);
            }
            Message::Help { answers, high, entry, commit } => {
                self.on_answer(from, *answers);
                self.on_help(high.as_ref(), entry.as_deref(), commit.as_ref(), fx);
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
            Timer::Relay(view) => self.relay(view, fx),
            Timer::Share => self.share(fx),
            Timer::Fetch(hash) => {
                self.replica.ask_again(hash, &self.context, fx);
            }
        }
    }

    fn show(&self, shown: &mut Shown) {
        shown.value("view", self.view);
        shown.value("high", format!("{} of view {}", self.high().1, self.high().0));
        shown.value("lock", format!("{} of view {}", self.lock().1, self.lock().0));
        let voted =
            self.record.voted[Phase::Prepare as usize].map_or(View::GENESIS, |(view, _)| view);
        shown.value("voted", voted);
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

impl HotStuff {
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
        self.watch(fx);
    }
}
