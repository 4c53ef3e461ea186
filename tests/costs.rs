//! What is counted, and of which view.

mod common;

use byzlab::{Lab, scenarios::Outcome};
use common::run_text;

/// Corrections C8: a view in which nothing is committed is lost, also if its block is decided later.
#[test]
fn a_view_is_lost_whose_block_is_decided_in_a_later_one() {
    let second_votes_of_view_1 = "protocol = \"pbft\"\n[network]\nmodel = \"partial-synchrony\"\n\
         gst = \"701ms\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"\n\
         [workload]\ncommands = 4\n\
         [[rule]]\non = { kind = \"vote2\", view = 1 }\ndo = \"drop\"\n";
    let (scenario, run) = run_text(&Lab::new(), second_votes_of_view_1, None);
    let metrics = &run.metrics;
    assert_eq!(run.verdict.label, "in-model");
    assert_eq!((metrics.decisions, metrics.views, metrics.lost_views), (4, 4, 1));
    let good = (scenario.protocol.about.good_case)(scenario.n, scenario.f).messages;
    assert_eq!(metrics.messages_per_decision, (good, good), "of the views that committed");
}

/// With a pace requests gather: a block for each turn in place of one for each request, and all of it in
/// the time that liveness promises.
#[test]
fn requests_that_gather_need_fewer_blocks_and_are_decided_in_time() {
    for (protocol, most) in [("pbft-classic", 10), ("hotstuff-chained", 4 * 10)] {
        let run = |pace: u64| {
            let text = format!(
                "protocol = {{ {protocol} = {{ batch = 100, patience = 9, pace = {pace} }} }}\n\
                 network = {{ delta = \"100ms\", delay.constant = \"1ms\" }}\n\
                 workload.clients = {{ count = 4, rate = 100, requests = 25 }}\n"
            );
            run_text(&Lab::new(), &text, None).1
        };
        let (each, paced) = (run(0), run(300));
        for run in [&each, &paced] {
            assert_eq!(run.verdict.outcome, Outcome::AsExpected, "{protocol}");
            // Some requests come in the very moment of a turn: they wait for no timeout.
            assert_eq!(run.metrics.lost_views, 0, "{protocol}");
        }
        // A turn is 30 ms, and all requests come within 250 ms.
        let (each, paced) = (each.metrics.decisions, paced.metrics.decisions);
        assert!(paced <= most, "{protocol}: {paced} blocks");
        assert!(each > 2 * paced, "{protocol}: {each} blocks without, {paced} with");
    }
}
