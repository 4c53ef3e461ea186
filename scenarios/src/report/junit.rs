//! The report for CI: JUnit XML, a test case a run.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::{Outcome, Run, Scenario};

/// One suite of all runs. Without wall-clock times: the same runs give the same bytes.
///
/// # Errors
/// If the XML cannot be written.
pub fn junit(runs: &[(Scenario, Run, String)]) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new("scenarios");
    for (scenario, run, repeat) in runs {
        let mut status = match run.verdict.outcome {
            Outcome::AsExpected => TestCaseStatus::success(),
            Outcome::NotAsExpected => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        if run.verdict.outcome != Outcome::AsExpected {
            status.set_message(run.verdict.reasons.join("; "));
            status.set_description(format!("repeat: {repeat}"));
        }
        let name = format!("{} seed {}", scenario.name, scenario.seed);
        let mut case = TestCase::new(name, status);
        case.set_classname(scenario.protocol.about.name);
        suite.add_test_case(case);
    }
    let mut report = quick_junit::Report::new("byzlab");
    report.add_test_suite(suite);
    report.to_string()
}
