//! Selectors name parties before the run: the same for the same seed, and each party once.

mod common;

use byzlab::{Lab, crypto::PartyId};
use common::resolve;

fn traitors(parties: &str, seed: u64) -> Vec<PartyId> {
    let toml = format!(
        "protocol = \"pbft\"\nn = 7\n[[byzantine]]\nparties = {parties}\nbehaviour = \"silent\"\n\
         [expect]\nfired = false\n"
    );
    let scenario = resolve(&Lab::new(), &toml, Some(seed)).expect("two of seven may be faulty");
    scenario.byzantine[0].parties.clone()
}

#[test]
fn whoever_is_drawn_is_none_of_those_who_are_named() {
    let mut drawn = Vec::new();
    for seed in 0..100 {
        for (parties, named) in [(r#"["random", "leader"]"#, 1), (r#"[6, "random"]"#, 0)] {
            let both = traitors(parties, seed);
            assert_eq!(both, traitors(parties, seed), "seed {seed}");
            assert_eq!(both[named], PartyId(if named == 1 { 1 } else { 6 }));
            assert_ne!(both[0], both[1], "{parties}, seed {seed}");
            drawn.push(both[1 - named]);
        }
        let two = traitors(r#"["random", "random"]"#, seed);
        assert_ne!(two[0], two[1], "seed {seed}");
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 7, "everybody is drawn at some time");
}
