//! A party of Dolev-Strong.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_crypto::{Digest, Evidence, PartyId, Reject, Signer, Verified};

use super::{
    ABOUT, Params,
    rules::Rules,
    wire::{self, Chain, Endorse, Wire},
};
use crate::{
    About, Context, Decision, Effect, Effects, Field, Protocol, Request, Situation, Stored, Tag,
    Time, Values, View,
    durable::durable,
    effects::Shown,
    smr::{MAX_PAYLOAD, MAX_SHARE, weight},
    value_digest,
};

/// The moments at which a party acts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// A broadcast begins.
    Begin(View),
    /// A round of a broadcast ends.
    End(View, u64),
}

/// What a party signed: durable before it leaves, so that nobody is told two things.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// The broadcast that is going on.
    pub broadcast: View,
    /// The values that were extracted in it.
    pub extracted: Vec<Digest>,
}

durable!(Record { broadcast, extracted });

/// A party of Dolev-Strong.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DolevStrong {
    context: Arc<Context>,
    rules: &'static Rules,
    me: Signer,
    /// The number of rounds of a broadcast.
    rounds: u64,
    /// Whether the party takes part: never again after a crash.
    active: bool,
    /// The broadcast that is going on, and how many of its rounds have ended.
    broadcast: View,
    ended: u64,
    /// What this party sends when it is its turn.
    inputs: VecDeque<Arc<[u8]>>,
    /// How many bytes that is.
    held: usize,
    /// V: two values at the most.
    extracted: Vec<Digest>,
    /// How many messages this party sent in this broadcast; the corrected rules do not ask.
    sent: usize,
    /// Kept chains by length, in the order of arrival.
    kept: BTreeMap<u64, Vec<Arc<Chain>>>,
    /// Chains of the next broadcast, if its sender's clock is ahead: of two values at the most.
    early: Vec<Arc<Chain>>,
    /// The sender's own signature on the first value that was seen.
    first: Option<Verified<Endorse>>,
    accused: bool,
}

impl Protocol for DolevStrong {
    const ABOUT: About = ABOUT;

    type Params = Params;
    type Wire = Wire;
    type Message = Arc<Chain>;
    type Timer = Timer;
    type Record = Record;

    fn fields() -> &'static [Field] {
        super::FIELDS
    }

    fn params(values: &Values) -> Params {
        Params::from_values(values)
    }

    fn new(context: &Arc<Context>, signer: Signer, params: &Params) -> Self {
        DolevStrong {
            rounds: params.rounds(context),
            rules: params.rules(),
            context: context.clone(),
            me: signer,
            active: true,
            broadcast: View::GENESIS,
            ended: 0,
            inputs: VecDeque::new(),
            held: 0,
            extracted: Vec::new(),
            sent: 0,
            kept: BTreeMap::new(),
            early: Vec::new(),
            first: None,
            accused: false,
        }
    }

    fn tag(wire: &Wire) -> Tag {
        wire::tag(wire)
    }

    fn check(context: &Context, wire: &Wire) -> Result<Arc<Chain>, Reject> {
        wire::check(context, wire).map(Arc::new)
    }

    fn start(&mut self, recovered: Option<&Stored<Record>>, fx: &mut Effects<Self>) {
        // What a party said in the round in which it crashed it cannot know: it stays mute.
        self.active = recovered.is_none() && fx.now() == Time::ZERO;
        if self.active {
            fx.set_timer(Timer::Begin(View(1)), fx.now());
        }
    }

    fn command(&mut self, request: &Request, fx: &mut Effects<Self>) {
        let value = &request.body().payload;
        let held = self.held + weight(value.len());
        if value.len() > MAX_PAYLOAD || held > MAX_SHARE {
            return fx.push(Effect::Refuse(Reject::Oversize));
        }
        self.held = held;
        self.inputs.push_back(value.clone().into());
    }

    fn message(&mut self, from: PartyId, chain: &Arc<Chain>, fx: &mut Effects<Self>) {
        if self.active && from != self.me.party() {
            self.on_chain(chain, fx);
        }
    }

    fn timer(&mut self, timer: Timer, fx: &mut Effects<Self>) {
        match timer {
            Timer::Begin(broadcast) => self.begin(broadcast, fx),
            Timer::End(broadcast, round) if broadcast == self.broadcast => self.end(round, fx),
            Timer::End(..) => {}
        }
    }

    fn show(&self, shown: &mut Shown) {
        shown.value("broadcast", self.broadcast);
        shown.value("rounds ended", self.ended);
        shown.value("extracted", format!("{:?}", self.extracted));
    }

    fn deadline(context: &Context, params: &Params, situation: &Situation) -> Option<Time> {
        Some(super::deadline(context, params, situation))
    }
}

impl DolevStrong {
    fn sender(&self) -> PartyId {
        self.context.leader(self.broadcast)
    }

    /// The end of a round of the present broadcast; round 0 ends when it begins.
    fn end_of(&self, round: u64) -> Time {
        let rounds = self.broadcast.previous().0.saturating_mul(self.rounds).saturating_add(round);
        Time(self.context.delta.0.saturating_mul(rounds))
    }

    fn persist(&self, fx: &mut Effects<Self>) {
        fx.persist(Record { broadcast: self.broadcast, extracted: self.extracted.clone() });
    }

    fn endorse(&self, value: Digest) -> Verified<Endorse> {
        let (broadcast, sender) = (self.broadcast, self.sender());
        self.me.sign(Endorse { broadcast, sender, value })
    }

    /// Line 1: a broadcast begins; its sender sends, if it has something to say.
    fn begin(&mut self, broadcast: View, fx: &mut Effects<Self>) {
        self.broadcast = broadcast;
        self.ended = 0;
        self.extracted.clear();
        self.sent = 0;
        self.kept.clear();
        self.first = None;
        self.accused = false;
        fx.enter(broadcast);
        fx.set_timer(Timer::End(broadcast, 1), self.end_of(1));
        for chain in std::mem::take(&mut self.early) {
            self.on_chain(&chain, fx);
        }
        if self.sender() == self.me.party()
            && let Some(value) = self.inputs.pop_front()
        {
            self.held -= weight(value.len());
            let digest = value_digest(&value);
            self.extracted.push(digest);
            self.persist(fx);
            fx.note(1);
            let signature = self.endorse(digest);
            let signatures = vec![(self.me.party(), signature.signed().signature)];
            self.sent += 1;
            fx.broadcast(Wire { broadcast, value: value.to_vec(), signatures });
        }
    }

    /// Line 2: a chain arrives.
    fn on_chain(&mut self, chain: &Arc<Chain>, fx: &mut Effects<Self>) {
        let rules = self.rules;
        if chain.broadcast == self.broadcast.next() {
            return self.keep_early(chain, fx);
        }
        let signers = chain.signers();
        let length = chain.length() as u64;
        if !(rules.belongs)(chain.broadcast, self.broadcast) {
            return fx.refuse("chain of another broadcast");
        }
        if !(rules.begins)(signers[0], self.sender()) {
            return fx.refuse("chain that the sender did not begin");
        }
        if !(rules.distinct)(&signers) {
            return fx.refuse("chain with a repeated signer");
        }
        self.suspect(chain, fx);
        if signers.contains(&self.me.party()) {
            return fx.refuse("chain that this party signed");
        }
        if !(rules.timely)(length, self.ended) {
            return fx.refuse("chain shorter than the round");
        }
        let kept = self.kept.entry(length).or_default();
        let new = !self.extracted.contains(&chain.digest)
            && !kept.iter().any(|other| other.digest == chain.digest);
        if (rules.keeps)(new, kept.len()) {
            fx.note(2);
            kept.push(chain.clone());
        }
    }

    /// Clocks differ by less than Δ (corrections A6): the next broadcast may have begun elsewhere.
    /// What would be refused then is refused now, or a traitor could fill the two places with it.
    fn keep_early(&mut self, chain: &Arc<Chain>, fx: &mut Effects<Self>) {
        let (signers, sender) = (chain.signers(), self.context.leader(chain.broadcast));
        let sound = (self.rules.begins)(signers[0], sender) && (self.rules.distinct)(&signers);
        let known = self.early.iter().any(|early| early.digest == chain.digest);
        if !sound || known || self.early.len() >= 2 {
            return fx.refuse("chain of the next broadcast");
        }
        self.early.push(chain.clone());
    }

    /// Line 7: the sender signed two values.
    fn suspect(&mut self, chain: &Chain, fx: &mut Effects<Self>) {
        let own = &chain.endorsements[0];
        let first = self.first.get_or_insert_with(|| own.clone());
        if let Some(evidence) = Evidence::pair(first, own).filter(|_| !self.accused) {
            self.accused = true;
            fx.note(7);
            fx.accuse(evidence);
        }
    }

    /// Lines 3 and 4: a round ends.
    fn end(&mut self, round: u64, fx: &mut Effects<Self>) {
        self.ended = round;
        let rules = self.rules;
        let due: Vec<u64> =
            self.kept.keys().copied().filter(|length| (rules.due)(*length, round)).collect();
        let judged: Vec<_> =
            due.iter().filter_map(|length| self.kept.remove(length)).flatten().collect();
        for chain in judged {
            let new = !self.extracted.contains(&chain.digest);
            if (rules.extracts)(new, self.extracted.len(), self.sent) {
                fx.note(3);
                if new {
                    self.extracted.push(chain.digest);
                }
                if round < self.rounds && (rules.relays)(self.extracted.len()) {
                    self.relay(&chain, fx);
                }
            }
        }
        if round < self.rounds {
            fx.set_timer(Timer::End(self.broadcast, round + 1), self.end_of(round + 1));
        } else {
            self.decide(fx);
            self.begin(self.broadcast.next(), fx);
        }
    }

    fn relay(&mut self, chain: &Chain, fx: &mut Effects<Self>) {
        self.persist(fx);
        fx.note(4);
        self.sent += 1;
        let own = self.me.sign(Endorse {
            broadcast: chain.broadcast,
            sender: self.context.leader(chain.broadcast),
            value: chain.digest,
        });
        fx.broadcast(chain.extended(&own));
    }

    /// Lines 5 and 6: the only value, or the default.
    fn decide(&mut self, fx: &mut Effects<Self>) {
        let chosen = (self.rules.chooses)(&self.extracted);
        fx.note(if chosen.is_some() { 5 } else { 6 });
        fx.decide(Decision::of_broadcast(self.broadcast, chosen, Some(self.rounds)));
    }
}
