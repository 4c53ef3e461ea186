//! What a real network cannot honour is said before anything starts.

use byzlab_crypto::Scheme;
use byzlab_scenarios::Scenario;
use byzlab_sim::DiskAfter;

/// Why a scenario cannot be run between real parties, and judged if it is to be, if it cannot.
pub(crate) fn refuse(scenario: &Scenario, judged: bool) -> Option<String> {
    if judged && !scenario.journal {
        let why = "with runtime.journal = false there is no verdict; such a network is kept up by \
                   byzlab testnet up, or by nodes of their own";
        return Some(why.to_owned());
    }
    if scenario.unsigned && (judged || scenario.journal) {
        let why = "with runtime.unsigned = true nobody judges, since every party could ask in a client's \
                   name; set runtime.journal = false, and keep the network up with byzlab testnet up or by \
                   nodes of their own";
        return Some(why.to_owned());
    }
    if scenario.crypto == Scheme::Ideal {
        let why = "ideal signatures mean nothing between processes; set crypto = \"ed25519\"";
        return Some(why.to_owned());
    }
    if let Some(attack) = &scenario.attack {
        if attack.mind {
            let id = &attack.id;
            return Some(format!(
                "attack {id} sees and schedules every message, which no party of a real network can"
            ));
        }
        if attack.budget > 0 {
            return Some("no party of a real network is corrupted during the run".to_owned());
        }
    }
    let twins = scenario.byzantine.iter().filter(|traitor| traitor.behaviour == "twins");
    if twins.map(|traitor| traitor.parties.len()).sum::<usize>() > 1 {
        let why = "twins of several parties know each other's copies, which needs one mind";
        return Some(why.to_owned());
    }
    if !scenario.sync && !scenario.crashes.is_empty() {
        let why = "with runtime.sync = false a party that crashes forgets what it signed";
        return Some(why.to_owned());
    }
    if scenario.crashes.iter().any(|crash| crash.disk == DiskAfter::Stale) {
        return Some("the runtime keeps no older copies of disks (disk = \"stale\")".to_owned());
    }
    None
}
