//! `byzlab node`: one party of a network, as a process.

use std::{net::SocketAddr, path::PathBuf};

use byzlab_crypto::PartyId;
use byzlab_live::Multiaddr;
use clap::Args;

use super::{Failure, Status, input, network};
use crate::{
    Lab,
    live::{SCENARIO, Seat},
};

/// Options of `byzlab node`.
#[derive(Args)]
pub(crate) struct NodeArgs {
    /// Which party: told what to do by whoever started it, over standard input.
    #[arg(long, value_name = "PARTY")]
    member: u16,
    /// The folder of the run.
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS")]
    listen: Multiaddr,
    /// Where it listens to clients.
    #[arg(long, value_name = "ADDRESS")]
    clients: Option<SocketAddr>,
}

/// Is one party of a network.
pub(crate) fn node(args: &NodeArgs, lab: &Lab) -> Result<Status, Failure> {
    let document = input::document(&args.folder.join(SCENARIO), &[], lab.registry())?;
    let scenario = document.resolve(None, lab.registry())?;
    let text = byzlab_scenarios::explain(&document, &scenario, lab.registry());
    let party = PartyId(args.member);
    if party.index() >= scenario.n {
        let why = format!("party {party}: there are {} parties, from 0 on", scenario.n);
        return Err(Failure::Usage(why));
    }
    let entry = lab.live(scenario.protocol.about.name);
    let entry = entry.expect("the laboratory has every protocol twice");
    let (folder, listen) = (args.folder.as_path(), args.listen.clone());
    let seat = Seat { text: &text, party, folder, listen, clients: args.clients };
    entry.member(&scenario, &seat).map_err(|error| network::failure(&scenario.file, &error))?;
    Ok(Status::Expected)
}
