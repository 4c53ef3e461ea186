//! From a scenario to a setup: committee, keys, parties honest or Byzantine, network, requests.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, PartySet, Scheme, Signer};
use byzlab_protocols::{
    Attack, Command, Context, Goal, Protocol, Request, RequestId, Span, Task, Time, View,
    byzantine::{Behaviour, Build, Honest},
    value_digest,
};
use byzlab_sim::{
    Adversary, Arrival, Behaving, Environment, MessageRule, Mind, Network, Plot, Setup, Stop,
};
use byzlab_trace::FaultId;

use crate::{Demand, Reach, Scenario, setup::rewrite::Rewrite, theorem};

mod rewrite;

pub(crate) use rewrite::misfits;

/// What is known of a run before it starts: the checkers measure it by this.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// By when everything is decided, if a theorem says so.
    pub deadline: Option<Time>,
    /// When the run ends at the latest.
    pub stop: Stop,
    /// The requests that clients made, and when.
    pub requests: BTreeMap<RequestId, Time>,
    /// Those of clients that the file knows nothing of: they reached a running network through
    /// the ports of its parties. Everything is judged of them but by when they are decided.
    pub others: BTreeMap<RequestId, Time>,
    /// For broadcasts: sender and digest of the value of each, in order.
    pub broadcasts: Vec<(PartyId, Digest)>,
    /// Who is honest whenever it is up: what they say is judged, and nobody may accuse them.
    pub honest: PartySet,
    /// Those of them of whom liveness expects something.
    pub judged: PartySet,
}

impl Plan {
    /// When a client made a request, if one did.
    pub(crate) fn asked(&self, id: &RequestId) -> Option<Time> {
        self.requests.get(id).or_else(|| self.others.get(id)).copied()
    }
}

/// What a run is made of, but for those who watch it.
pub(crate) struct Made<P: Protocol> {
    /// For a runtime.
    pub setup: Setup<P>,
    /// For the checkers.
    pub plan: Plan,
}

/// Makes a run with these keys.
pub(crate) fn make<P: Attack>(scenario: &Scenario, minds: &[Mind<P>], keys: &KeySource) -> Made<P> {
    let (context, signers, clients) = committee(scenario, keys);
    let params = P::params(&scenario.protocol.values);
    let demand = demand(scenario, &context, &clients);
    let traitors = scenario.traitors();
    let adversary = adversary(scenario, minds, &context, &params, &signers);
    let plan = plan::<P>(scenario, &context, &params, &demand);
    let spec = &scenario.network;
    let setup = Setup {
        context,
        params,
        signers,
        network: Network {
            model: spec.model,
            delta: spec.delta,
            gst: spec.gst,
            before_gst: spec.before_gst,
            delay: spec.delay.clone(),
            early: spec.early.clone(),
            loss: spec.loss,
            duplicate: spec.duplicate,
            seed: scenario.seed,
        },
        real: None,
        environment: Environment { cuts: scenario.cuts.clone(), crashes: scenario.crashes.clone() },
        rules: rules(scenario),
        requests: demand.arrivals,
        corrupted: traitors,
        budget: scenario.attack.as_ref().map_or(0, |attack| attack.budget),
        adversary,
        expected: plan.judged,
        stop: plan.stop,
        observers: Vec::new(),
        show: false,
        witness: false,
    };
    Made { setup, plan }
}

/// The keys of the parties.
pub(crate) fn keys(scenario: &Scenario) -> KeyRing {
    committee(scenario, &KeySource::of(scenario)).0.committee.ring().fresh()
}

/// Where the keys of a run come from. INSECURE: whoever knows it can speak in any name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySource {
    /// What every signature is bound to.
    pub instance: Digest,
    /// From which all keys are drawn, but those of parties that are given.
    pub seed: Digest,
    /// How many clients have one.
    pub clients: usize,
    /// How clients sign.
    pub clients_scheme: Scheme,
    /// Parties whose keys are drawn from no seed.
    pub given: Option<GivenKeys>,
}

/// The Ed25519 keys of parties that made their own. Who has not all secrets can be one party, and
/// judge nobody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GivenKeys {
    /// The public keys, by party; a ring has been made of them.
    pub public: Vec<[u8; 32]>,
    /// The secrets that are known here.
    pub secrets: BTreeMap<PartyId, [u8; 32]>,
}

impl KeySource {
    /// That of a scenario.
    pub fn of(scenario: &Scenario) -> KeySource {
        let mut name = scenario.protocol.about.name.as_bytes().to_vec();
        name.extend_from_slice(&scenario.seed.to_le_bytes());
        name.extend_from_slice(&(scenario.n as u64).to_le_bytes());
        name.extend_from_slice(&(scenario.f as u64).to_le_bytes());
        let clients = match &scenario.workload.demand {
            Demand::Clients { count, .. } => *count as usize,
            Demand::Commands(_) | Demand::Inputs(_) => 1,
        };
        KeySource {
            instance: Digest::of("byzlab/instance/1", &name),
            seed: Digest::of("byzlab/keys/1", &name),
            clients,
            clients_scheme: scenario.crypto,
            given: None,
        }
    }

    /// That of a scenario over a network, with more clients than its workload has; perhaps they do not
    /// sign.
    pub fn live(scenario: &Scenario) -> KeySource {
        let source = KeySource::of(scenario);
        let clients = source.clients.max(scenario.clients as usize);
        let clients_scheme = if scenario.unsigned { Scheme::Ideal } else { source.clients_scheme };
        KeySource { clients, clients_scheme, ..source }
    }
}

/// Keys, committee and clients. The instance is bound to the scenario, not to the scheme: both
/// schemes give the same run but for signature bytes.
fn committee(scenario: &Scenario, keys: &KeySource) -> (Arc<Context>, Vec<Signer>, Vec<Signer>) {
    let KeySource { instance, seed, clients, clients_scheme, given } = keys;
    let ring = |scheme, purpose, count| {
        KeyRing::insecure_from_seed(scheme, *instance, purpose, count, &seed.0)
            .expect("the decoder keeps to the possible numbers of parties")
    };
    let (mut parties, mut signers) = ring(scenario.crypto, "party", scenario.n);
    if let Some(GivenKeys { public, secrets }) = given {
        parties = KeyRing::from_public_keys(*instance, public).expect("a ring was made of them");
        // Nobody believes the others: their keys are those of the seed.
        for (party, secret) in secrets {
            signers[party.index()] = Signer::from_secret_key(*party, *instance, secret);
        }
    }
    let (clients, client_signers) = ring(*clients_scheme, "client", *clients);
    let context = Context {
        committee: Committee::new(parties, scenario.f).expect("the decoder checks f"),
        clients,
        leaders: scenario.leaders.clone(),
        delta: scenario.network.delta,
    };
    (Arc::new(context), signers, client_signers)
}

/// What clients ask for, and whom it reaches when.
struct Asked {
    arrivals: Vec<Arrival>,
    requests: BTreeMap<RequestId, Time>,
    broadcasts: Vec<(PartyId, Digest)>,
}

fn demand(scenario: &Scenario, context: &Context, clients: &[Signer]) -> Asked {
    let mut asked =
        Asked { arrivals: Vec::new(), requests: BTreeMap::new(), broadcasts: Vec::new() };
    let request = |client: usize, seq: u64, payload: Vec<u8>| -> Request {
        Arc::new(clients[client].sign(Command { seq, payload }))
    };
    let put = |client: usize, seq: u64| format!("put k{client}.{seq} v{seq}").into_bytes();
    match (&scenario.workload.demand, scenario.protocol.about.task) {
        (Demand::Inputs(inputs), _) => {
            let values = inputs.iter().map(|input| input.clone().into_bytes());
            asked.broadcast(context, values, request);
        }
        (Demand::Commands(count), Task::Broadcast) => {
            asked.broadcast(context, (1..=*count).map(|seq| put(0, seq)), request);
        }
        (Demand::Commands(count), Task::Order) => {
            for seq in 1..=*count {
                asked.submit(scenario, &request(0, seq, put(0, seq)), Time::ZERO);
            }
        }
        (Demand::Clients { count, rate, requests }, _) => {
            let gap = Span(1_000_000_000 / rate);
            for seq in 1..=*requests {
                for client in 0..*count as usize {
                    let at = Time::ZERO.after(gap * (seq - 1));
                    asked.submit(scenario, &request(client, seq, put(client, seq)), at);
                }
            }
        }
    }
    asked
}

impl Asked {
    /// Input k is given to the sender of broadcast k, at the start.
    fn broadcast(
        &mut self,
        context: &Context,
        values: impl Iterator<Item = Vec<u8>>,
        request: impl Fn(usize, u64, Vec<u8>) -> Request,
    ) {
        for (at, value) in values.enumerate() {
            let number = at as u64 + 1;
            let sender = context.leader(View(number));
            self.broadcasts.push((sender, value_digest(&value)));
            let request = request(0, number, value);
            self.requests.insert(RequestId::of(&request), Time::ZERO);
            self.arrivals.push(Arrival { at: Time::ZERO, party: sender, request });
        }
    }

    /// A request reaches those whom the file says, at one instant.
    fn submit(&mut self, scenario: &Scenario, request: &Request, at: Time) {
        self.requests.insert(RequestId::of(request), at);
        let mut reach = |party, at| {
            self.arrivals.push(Arrival { at, party, request: request.clone() });
        };
        match &scenario.workload.to {
            Reach::All => PartyId::all(scenario.n).for_each(|party| reach(party, at)),
            Reach::Some(first, retry) => {
                first.iter().for_each(|party| reach(*party, at));
                if let Some(retry) = retry {
                    PartyId::all(scenario.n).for_each(|party| reach(party, at.after(*retry)));
                }
            }
        }
    }
}

fn plan<P: Attack>(
    scenario: &Scenario,
    context: &Context,
    params: &P::Params,
    asked: &Asked,
) -> Plan {
    let about = scenario.protocol.about;
    let counts_requests = about.task == Task::Order && scenario.stop_decisions.is_none();
    let goal = match counts_requests {
        true => Goal::Requests(scenario.demanded()),
        false => Goal::Decisions(scenario.stop_decisions.unwrap_or_else(|| scenario.demanded())),
    };
    let retry = match &scenario.workload.to {
        Reach::Some(_, Some(retry)) => *retry,
        Reach::All | Reach::Some(_, None) => Span::ZERO,
    };
    let last = asked.requests.values().max().copied().unwrap_or_default().after(retry);
    let deadline = theorem::deadline::<P>(scenario, context, params, goal, last);
    let patience = deadline
        .map_or(Time::ZERO.after(context.delta * (1000 + 100 * goal.decisions())), |deadline| {
            Time(deadline.0.saturating_mul(2)).after(context.delta)
        });
    let stop = Stop {
        decisions: (!counts_requests).then_some(goal.decisions()),
        requests: counts_requests.then_some(goal.decisions()),
        time: scenario.stop_time.unwrap_or(patience),
    };
    Plan {
        deadline,
        stop,
        requests: asked.requests.clone(),
        others: BTreeMap::new(),
        broadcasts: asked.broadcasts.clone(),
        honest: scenario.honest(),
        judged: scenario.judged(),
    }
}

fn rules(scenario: &Scenario) -> Vec<MessageRule> {
    let first = first_rule(scenario);
    let numbered = scenario.rules.iter().zip(first..);
    numbered
        .map(|(rule, number)| MessageRule {
            on: rule.on.clone(),
            action: rule.action.clone(),
            fault: FaultId(number),
        })
        .collect()
}

/// Behaviours come first among the faults, then the attack, then rules.
fn first_rule(scenario: &Scenario) -> u16 {
    first_attack(scenario) + u16::from(scenario.attack.is_some())
}

fn first_attack(scenario: &Scenario) -> u16 {
    scenario.byzantine.iter().map(|traitor| traitor.parties.len() as u16).sum()
}

/// The one mind: that of the attack, or else behaviours and scripts.
fn adversary<P: Attack>(
    scenario: &Scenario,
    minds: &[Mind<P>],
    context: &Arc<Context>,
    params: &P::Params,
    signers: &[Signer],
) -> Box<dyn Adversary<P>> {
    let traitors = scenario.traitors();
    let own = traitors.iter().map(|party| (party, signers[party.index()].clone())).collect();
    let mut behaviours: BTreeMap<PartyId, Box<dyn Behaviour<P>>> = BTreeMap::new();
    for party in traitors.iter() {
        let signer = signers[party.index()].clone();
        behaviours.insert(party, behaviour(scenario, context, params, party, &signer));
    }
    let behaving = Behaving::new(behaviours, own);
    let attack = scenario.attack.as_ref();
    let mind = attack.and_then(|attack| minds.iter().find(|mind| mind.id == attack.id));
    match mind {
        Some(mind) => {
            let (context, params) = (context.clone(), params.clone());
            mind.begin(Plot { context, params, fault: FaultId(first_attack(scenario)), behaving })
        }
        None => Box::new(behaving),
    }
}

/// What one corrupted party does: its behaviours around the honest machine, in file order.
fn behaviour<P: Attack>(
    scenario: &Scenario,
    context: &Arc<Context>,
    params: &P::Params,
    party: PartyId,
    signer: &Signer,
) -> Box<dyn Behaviour<P>> {
    let machine = || P::new(context, signer.clone(), params);
    let judged: Vec<_> = scenario.judged().iter().collect();
    let mut behaviour: Box<dyn Behaviour<P>> = Box::new(Honest(machine()));
    let mut number = 0;
    for traitor in &scenario.byzantine {
        for of in &traitor.parties {
            if *of == party {
                let build = Build {
                    name: &traitor.behaviour,
                    values: &traitor.values,
                    when: traitor.when.clone(),
                    number,
                    party,
                    honest: &judged,
                    machine: machine(),
                    delta: context.delta,
                    seed: scenario.seed,
                };
                behaviour = build.around(behaviour);
            }
            number += 1;
        }
    }
    if let Some(attack) = &scenario.attack
        && let Some(script) = P::scripts().iter().find(|script| script.id == attack.id)
    {
        behaviour = script.around(behaviour, first_attack(scenario));
    }
    for (rule, number) in scenario.rules.iter().zip(first_rule(scenario)..) {
        if !rule.set.is_empty() && rule.on.from.is_none_or(|from| from.contains(party)) {
            behaviour = Box::new(Rewrite::new(behaviour, rule, number));
        }
    }
    behaviour
}
