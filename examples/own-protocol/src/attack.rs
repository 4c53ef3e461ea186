//! Attacks of one's own on phase-king broadcast, beside those that byzlab has for every protocol.

use byzlab::{crypto::*, protocols::byzantine::*, protocols::*, sim::*};

use super::{PhaseKing, Wire};

impl Attack for PhaseKing {
    const CAN: attack::Can =
        attack::Can { equivocate: true, double_vote: true, resign: true, ..attack::Can::NOTHING };

    fn conflicting(wire: &Wire, variant: u32, _: &Material<'_, Self>) -> Option<Wire> {
        Some(Wire { value: format!("another {variant}"), ..wire.clone() })
    }

    fn resign(wire: &Wire, _: &Material<'_, Self>) -> Option<Wire> {
        Some(wire.clone())
    }

    fn scripts() -> &'static [Script<Self>] {
        const TITLE: &str = "odd parties are told another value than even ones";
        const { &[Script::of_behaviour("two-faced", TITLE, &[0], two_faced)] }
    }
}

/// A behaviour of one corrupted party: what it wraps, and its number among the faults.
#[derive(Clone, Debug)]
struct TwoFaced(Box<dyn Behaviour<PhaseKing>>, u16);

fn two_faced(inner: Box<dyn Behaviour<PhaseKing>>, number: u16) -> Box<dyn Behaviour<PhaseKing>> {
    Box::new(TwoFaced(inner, number))
}

impl Behaviour<PhaseKing> for TwoFaced {
    fn step(
        &mut self,
        env: &Env<'_, PhaseKing>,
        input: &Input<PhaseKing>,
        fx: &mut Effects<PhaseKing>,
    ) {
        through(&mut *self.0, env, input, fx, |Sending { to, packet, hold }, fx| {
            for party in env.receivers(to) {
                let (to, odd) = (Target::One(party), party.0 % 2 == 1);
                let lie = packet.wire().filter(|_| odd && party != env.party);
                let lie = lie.and_then(|wire| PhaseKing::conflicting(wire, 1, &env.material));
                if lie.is_some() && env.reaches_honest(to) {
                    fx.push(Effect::Fired(self.1));
                }
                let packet = lie.map_or_else(|| packet.clone(), Packet::new);
                Sending { to, packet, hold }.put(fx);
            }
        });
    }

    fn boxed(&self) -> Box<dyn Behaviour<PhaseKing>> {
        Box::new(self.clone())
    }
}

/// One mind for all corrupted parties: it corrupts each king that begins to speak, while its budget
/// lasts, and has it go on two-faced.
pub(crate) fn usurper() -> Mind<PhaseKing> {
    const TITLE: &str = "each king is corrupted as it begins to speak, up to the budget";
    Mind::adaptive("usurper", TITLE, |plot| Box::new(Usurper(plot)))
}

#[derive(Clone, Debug)]
struct Usurper(Plot<PhaseKing>);

impl Adversary<PhaseKing> for Usurper {
    fn watches(&self) -> bool {
        true
    }

    fn carry(&mut self, _: &Sight<'_>, flight: &Flight<'_, PhaseKing>, moves: &mut Moves) {
        if flight.packet.tag().kind == "king" {
            moves.corrupt.push(flight.from);
            moves.fault = Some(self.0.fault);
        }
    }

    fn corrupted(&mut self, party: PartyId, machine: PhaseKing, signer: Signer) {
        let behaviour = two_faced(Box::new(Honest(machine)), self.0.fault.0);
        self.0.behaving.take_over(party, behaviour, signer);
    }

    fn input(
        &mut self,
        sight: &Sight<'_>,
        party: PartyId,
        input: &Input<PhaseKing>,
        fx: &mut Effects<PhaseKing>,
    ) {
        self.0.behaving.input(sight, party, input, fx);
    }

    fn boxed(&self) -> Box<dyn Adversary<PhaseKing>> {
        Box::new(self.clone())
    }
}
