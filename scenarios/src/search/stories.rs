//! Stories: what happens in one view leads to what happens in the next. A chapter is a view in which
//! most parties come so far, one comes further and keeps it to itself, and one lags behind; who is
//! to go on in the next chapter hears little of that, or lies about it.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Role, Span, Stream, Time, Value, Values, View, byzantine::When};
use byzlab_sim::{Action, Delay, Matcher};

use super::{
    space::{Space, others},
    swarm::{self, Draw},
    traitors,
};
use crate::{RuleSpec, Scenario, Traitor};

/// A random story; a random scenario where there is nothing to tell.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream) -> Scenario {
    if !space.has_gst() || !space.open.network || !space.open.rules {
        return swarm::draw(space, stream);
    }
    let mut draw = Draw::new(space, stream);
    draw.work();
    draw.leaders();
    let delta = space.delta();
    draw.scenario.network.early = Some(Delay::Constant(Span((delta.0 / 10).max(1))));
    let chapters = [1, 1, 1, 2, 2, 3][draw.stream.below(6) as usize];
    let first = if draw.one_in(2) { 1 } else { draw.view() };
    let spans = if first + chapters > 2 { space.few_views } else { 20 };
    draw.scenario.network.gst = Time(delta.0 * spans);
    let liar = liar(&mut draw, first + chapters);
    let mut story = Story { draw, liar, ahead: None };
    (first..first + chapters).for_each(|view| story.chapter(view));
    story.draw.finish()
}

struct Story<'a> {
    draw: Draw<'a>,
    /// Who lies, if anybody does.
    liar: Option<PartyId>,
    /// Who came further than all others in the chapter before.
    ahead: Option<PartyId>,
}

impl Story<'_> {
    fn leader(&self, view: u64) -> PartyId {
        let scenario = &self.draw.scenario;
        scenario.leaders.leader(View(view), scenario.n)
    }

    /// Most parties hear a view up to a phase; one hears all of it, one less.
    fn chapter(&mut self, view: u64) {
        let n = self.draw.scenario.n;
        let phases = kinds(&self.draw, &[Role::Proposal, Role::Vote, Role::Certificate]);
        let count = phases.len() as u64;
        let last = self.draw.one_in(3);
        let common = if last { count - 1 } else { self.draw.stream.below(count) };
        let ahead = match self.draw.stream.below(8) {
            0..3 => None,
            3..6 => Some(self.leader(view)),
            6 => Some(self.leader(view + 1)),
            _ => Some(self.draw.party()),
        };
        let behind = (common > 0 && self.draw.one_in(2)).then(|| self.behind(view));
        let behind = behind.filter(|party| Some(*party) != ahead);
        let most = PartyId::all(n).filter(|one| Some(*one) != ahead && Some(*one) != behind);
        self.hold(None, Some(most.collect()), Some(&phases[common as usize]), (view, view + 1));
        if let Some(party) = behind {
            let heard = self.draw.stream.below(common);
            let (to, kind) = (std::iter::once(party).collect(), &phases[heard as usize]);
            self.hold(None, Some(to), Some(kind), (view, view + 1));
        }
        if let Some(party) = ahead {
            let further = &phases[common as usize + 1..];
            self.secret(party, view, further);
        }
        self.ahead = ahead;
    }

    fn behind(&mut self, view: u64) -> PartyId {
        match (self.draw.stream.below(4), self.ahead) {
            (0, Some(party)) => party,
            (1 | 2, _) => self.leader(view + 1),
            _ => self.draw.party(),
        }
    }

    /// What a party knows alone it does not tell, and the next leader does not hear of it.
    fn secret(&mut self, party: PartyId, view: u64, further: &[String]) {
        let n = self.draw.scenario.n;
        let alone: PartySet = std::iter::once(party).collect();
        for kind in further {
            self.hold(Some(alone), None, Some(kind), (view, view + 1));
        }
        for kind in kinds(&self.draw, &[Role::Sync]) {
            self.hold(Some(alone), None, Some(&kind), (0, 1000));
        }
        let leader = self.leader(view + 1);
        let from = match self.draw.stream.below(6) {
            0 => return,
            1..4 => return self.hold(Some(alone), None, None, (view + 1, 1000)),
            4 => alone,
            _ => others(n, leader).iter().filter(|one| Some(*one) != self.liar).collect(),
        };
        for kind in kinds(&self.draw, &[Role::ViewChange]) {
            let to = std::iter::once(leader).collect();
            self.hold(Some(from), Some(to), Some(&kind), (view + 1, view + 2));
        }
    }

    fn hold(
        &mut self,
        from: Option<PartySet>,
        to: Option<PartySet>,
        kind: Option<&str>,
        views: (u64, u64),
    ) {
        let views = (views.0 > 0).then_some(views);
        let on = Matcher { from, to, kind: kind.map(str::to_owned), views, occurrence: None };
        let action = Action::HoldUntil(self.draw.scenario.network.gst);
        self.draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
    }
}

fn kinds(draw: &Draw<'_>, roles: &[Role]) -> Vec<String> {
    let kinds = draw.space.about().kinds.iter().filter(|kind| roles.contains(&kind.role));
    kinds.map(|kind| kind.name.to_owned()).collect()
}

/// Corrupts a party, more often the leader of the view in which the story ends.
pub(super) fn liar(draw: &mut Draw<'_>, last: u64) -> Option<PartyId> {
    let most = draw.space.most_faulty(&draw.scenario);
    if !draw.space.open.traitors || most == 0 || draw.one_in(8) {
        return None;
    }
    let role = if draw.one_in(2) { Role::Proposal } else { Role::ViewChange };
    let leader = draw.scenario.leaders.leader(View(last), draw.scenario.n);
    let any = if role == Role::Proposal { draw.one_in(6) } else { draw.one_in(2) };
    let party = if any { draw.party() } else { leader };
    let traitor = lie(draw, party, role)?;
    draw.scenario.byzantine.push(traitor);
    Some(party)
}

/// How somebody lies about what leads from view to view.
fn lie(draw: &mut Draw<'_>, party: PartyId, role: Role) -> Option<Traitor> {
    let names = kinds(draw, &[role]);
    let mut values = Values::default();
    let mut when = When::default();
    let stale = if role == Role::Proposal { 5 } else { 3 };
    let name = match draw.stream.below(8) {
        at if at < stale => {
            let part = *draw.stream.pick(&["all", "own", "claim"]).unwrap_or(&"all");
            values.0.insert("part", Value::Text(part.to_owned()));
            values.0.insert("bare", Value::Bool(draw.one_in(3)));
            "stale"
        }
        0..6 => {
            values.0.insert("number", Value::Integer(draw.stream.below(80)));
            "lie"
        }
        6 => "amnesia",
        _ => return traitors::behaviour(draw, party),
    };
    if name != "amnesia" {
        when.kinds = draw.stream.pick(&names).map(|kind| vec![kind.clone()]);
    }
    let means = draw.space.behaviours.contains(&name);
    means.then(|| Traitor { parties: vec![party], behaviour: name.to_owned(), values, when })
}
