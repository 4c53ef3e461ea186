//! Shrinking: what is left of violations that a search found, each of which needs a step that the
//! others do not make up for.

use byzlab_crypto::Scheme;
use byzlab_protocols::{dolev_strong::DolevStrong, pbft::Pbft, pbft_classic::PbftClassic};
use byzlab_scenarios::{
    Document, Property, Registry, Scenario,
    search::{Hit, Shrunk, Space, shrink},
};

fn document(text: &str, registry: &Registry) -> Document {
    let document = Document::decode("shrink.toml", text.as_bytes(), &[], registry);
    document.unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is left of what was found around a file that names the protocol and the piece alone.
fn shrunk(piece: &str, found: &str, property: Property) -> Shrunk {
    let registry = Registry::new().with::<DolevStrong>();
    let registry = registry.with::<Pbft>().with::<PbftClassic>();
    let file = document(&format!("{piece}\n"), &registry);
    let space = Space::of(&file, &registry).unwrap_or_else(|problems| panic!("{problems}"));
    let drawn = if found.starts_with("protocol") { "" } else { piece };
    let whole = document(&format!("{drawn}\n{found}"), &registry);
    let scenario = whole.resolve(None, &registry).unwrap_or_else(|problems| panic!("{problems}"));
    let scenario = Scenario { crypto: Scheme::Ideal, ..scenario };
    let hit = Hit { run: 1, strategy: "test", scenario, fallen: vec![property] };
    let shrunk = shrink(&space, &hit, &registry, &|| true);
    let shrunk = shrunk.unwrap_or_else(|why| panic!("{why}"));
    println!("{:?}, {} runs\n{}", shrunk.messages, shrunk.runs, shrunk.file);
    shrunk
}

/// What was held back shows the disagreement at GST, and until then views go by. Who hears nothing
/// of them takes no part in the story.
#[test]
fn an_earlier_gst_and_a_party_that_is_kept_out() {
    let found = "leaders = [0, 3]\nseed = 567\n\
        [[byzantine]]\nparty = 3\nbehaviour = \"stale\"\nwhen = { kinds = [\"propose\"] }\n\
        [network]\ngst = \"2s\"\ndelay_before_gst.constant = \"10ms\"\n\
        [[rule]]\non = { kind = \"vote2\", view = 1 }\ndo.hold_until = \"2s\"\n\
        [workload]\nclients = { count = 1, rate = 10, requests = 4 }\n";
    let shrunk = shrunk("protocol.pbft = { broken = \"M28\" }", found, Property::Agreement);
    assert!(shrunk.scenario.network.gst.0 < 1_500_000_000, "{}", shrunk.file);
    assert!(shrunk.messages.1 <= 45, "{:?}\n{}", shrunk.messages, shrunk.file);
}

#[test]
fn one_rule_in_place_of_two_that_do_the_same() {
    let found = "[[byzantine]]\nparty = 2\nbehaviour.stale = { part = \"claim\" }\n\
        [network]\ngst = \"2s\"\ndelay_before_gst.constant = \"10ms\"\n\
        [[rule]]\non = { to = [0, 1], kind = \"vote2\", view = 1 }\ndo.hold_until = \"2s\"\n\
        [[rule]]\non = { to = 2, kind = \"vote2\", view = 1 }\ndo.hold_until = \"2s\"\n\
        [[event]]\nuntil = \"2s\"\ncut = { from = 3, to = [0, 1, 2] }\n\
        [workload]\ncommands = 1\n";
    let shrunk = shrunk("protocol.pbft = { broken = \"M31\" }", found, Property::Agreement);
    assert!(shrunk.scenario.faults.len() <= 3, "{}", shrunk.file);
}

#[test]
fn the_first_views_go_too_if_nothing_happens_in_them_and_single_conditions() {
    let piece = "protocol.pbft = { broken = \"M26\" }";
    let found = "leaders = [1, 0]\nseed = 255\n\
        [[byzantine]]\nparty = 0\nbehaviour = \"double-vote\"\n\
        when = { kinds = [\"propose\"], views = \"1..1000\" }\n\
        [workload]\ncommands = 3\n";
    let shrunk = shrunk(piece, found, Property::Accountability);
    assert!(shrunk.messages.1 <= 25, "{:?}\n{}", shrunk.messages, shrunk.file);
    assert!(!shrunk.file.contains("views"), "{}", shrunk.file);
}

/// What a traitor says at random must come out as it has to, with one broadcast for three.
#[test]
fn many_seeds_where_runs_are_short() {
    let piece = "protocol.dolev-strong = { broken = \"M22\" }";
    let found = "n = 4\nf = 2\nleaders = [1]\nseed = 884\n\
        [[byzantine]]\nparty = 3\nbehaviour = \"random\"\n\
        [[byzantine]]\nparty = 2\nbehaviour = \"random\"\nwhen = { views = \"2..3\" }\n\
        [workload]\ncommands = 3\n";
    let shrunk = shrunk(piece, found, Property::Agreement);
    assert!(shrunk.messages.1 <= 12, "{:?}\n{}", shrunk.messages, shrunk.file);
}

/// The parameter is the search's own: the file does not name it.
#[test]
fn the_usual_parameters() {
    let piece = "protocol.pbft-classic = { broken = \"M26\" }";
    let drawn = "protocol.pbft-classic = { broken = \"M26\", checkpoint = 1 }";
    let found = "[[byzantine]]\nparty = 0\nbehaviour = \"double-vote\"\n\
        when = { kinds = [\"pre-prepare\"] }\n[workload]\ncommands = 1\n";
    let shrunk = shrunk(piece, &format!("{drawn}\n{found}"), Property::Accountability);
    assert!(!shrunk.file.contains("checkpoint"), "{}", shrunk.file);
}

#[test]
fn a_run_ends_where_the_property_has_fallen() {
    let found = "seed = 698\n\
        [[byzantine]]\nparty = 1\nbehaviour.stale = { part = \"claim\", bare = true }\n\
        when = { kinds = [\"propose\"] }\n\
        [network]\ngst = \"2s\"\ndelay_before_gst.constant = \"10ms\"\n\
        [[rule]]\non = { to = [0, 1, 2], kind = \"vote\", view = 2 }\ndo.hold_until = \"2s\"\n\
        [[rule]]\non = { from = 3, view = \"3..1000\" }\ndo.hold_until = \"2s\"\n\
        [[rule]]\non = { to = [1, 2, 3], kind = \"vote2\", view = 3 }\ndo.hold_until = \"2s\"\n\
        [[rule]]\non = { to = [0, 2, 3], kind = \"vote\", view = 4 }\ndo.hold_until = \"2s\"\n\
        [workload]\ncommands = 3\n";
    let piece = "protocol.pbft = { broken = \"M59\" }";
    let shrunk = shrunk(piece, found, Property::Accountability);
    let end = shrunk.scenario.stop_time.map(|time| time.0);
    assert!(end.is_some_and(|end| end <= 2_020_000_000), "{end:?}\n{}", shrunk.file);
}

/// Nothing that comes after the deadline changes that it was missed; and a rule about all messages of
/// some parties leaves less to read than one about their proposals.
#[test]
fn a_run_without_an_end_is_cut_off_at_the_deadline() {
    let found = "leaders = [2, 3, 2, 3]\nseed = 855\n\
        [[byzantine]]\nparty = 2\nbehaviour = \"usurp\"\n\
        [network]\ngst = \"2s\"\ndelay_before_gst.uniform = [\"1ns\", \"350ms\"]\n\
        [[rule]]\non = { from = [0, 1, 3], to = [0, 1, 3], kind = \"propose\" }\ndo.delay = \"81ms\"\n\
        [[rule]]\non = { to = 3, kind = \"status\", view = 3 }\ndo.hold_until = \"2s\"\n\
        [workload]\ncommands = 2\n";
    let shrunk = shrunk("protocol.pbft = { broken = \"M50\" }", found, Property::Termination);
    assert_eq!(Some(shrunk.run.end), shrunk.scenario.stop_time, "{}", shrunk.file);
    assert!(shrunk.messages.1 <= 60, "{:?}\n{}", shrunk.messages, shrunk.file);
}
