//! `byzlab node`: one party of a network, as a process.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use byzlab_crypto::PartyId;
use byzlab_live::Multiaddr;
use clap::Args;

use super::{Failure, Status, genesis, input, network, output::Output};
use crate::{
    Lab,
    live::{SCENARIO, Seat},
};

/// Options of `byzlab node`.
#[derive(Args)]
pub(crate) struct NodeArgs {
    /// The file of the node: genesis, key, folder, listen, clients, http.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "member",
        conflicts_with = "member"
    )]
    config: Option<PathBuf>,
    /// Which party of a run that somebody else started and conducts over standard input.
    #[arg(long, value_name = "PARTY", hide = true, requires_all = ["folder", "listen"])]
    member: Option<u16>,
    /// The folder of the run.
    #[arg(long, value_name = "FOLDER", hide = true, requires = "member")]
    folder: Option<PathBuf>,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", hide = true, requires = "member")]
    listen: Option<Multiaddr>,
    /// Where it listens to clients.
    #[arg(long, value_name = "ADDRESS", hide = true, requires = "member")]
    clients: Option<SocketAddr>,
}

/// Is one party of a network.
pub(crate) fn node(args: &NodeArgs, lab: &Lab, output: &mut Output) -> Result<Status, Failure> {
    match (&args.config, args.member, &args.folder, &args.listen) {
        (Some(config), ..) => genesis::alone(config, lab, output),
        (None, Some(member), Some(folder), Some(listen)) => {
            let clients = args.clients;
            self::member(PartyId(member), folder, listen.clone(), clients, lab)
        }
        _ => Err(Failure::Usage("expected --config FILE".to_owned())),
    }
}

fn member(
    party: PartyId,
    folder: &Path,
    listen: Multiaddr,
    clients: Option<SocketAddr>,
    lab: &Lab,
) -> Result<Status, Failure> {
    let document = input::document(&folder.join(SCENARIO), &[], lab.registry())?;
    let scenario = document.resolve(None, lab.registry())?;
    let text = byzlab_scenarios::explain(&document, &scenario, lab.registry());
    if party.index() >= scenario.n {
        let why = format!("party {party}: there are {} parties, from 0 on", scenario.n);
        return Err(Failure::Usage(why));
    }
    let entry = lab.live(&scenario);
    let seat = Seat { text: &text, party, folder, listen, clients };
    entry.member(&scenario, &seat).map_err(|error| network::failure(&scenario.file, &error))?;
    Ok(Status::Expected)
}
