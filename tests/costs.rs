//! What is counted, and of which view.

mod common;

use byzlab::Lab;
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
