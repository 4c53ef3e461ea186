//! `byzlab load`: requests at a rate, and how long they took.

use byzlab_crypto::PartyId;
use byzlab_live::clients::{
    Network, Reach,
    load::{Load, Outcome, Seen, load as put_load},
};
use byzlab_protocols::{
    Span,
    smr::{MAX_PAYLOAD, list},
};
use byzlab_scenarios::{
    linearizable::{Action, Linearizable, Operation, check},
    parse_span,
};
use clap::Args;

use super::{
    Failure, Status,
    client::{RETRY, duration, failed, network, runtime},
    output::Output,
};

/// Options of `byzlab load`.
#[derive(Args)]
pub(crate) struct LoadArgs {
    /// The description of the network, a JSON file.
    #[arg(long, value_name = "FILE")]
    network: std::path::PathBuf,
    /// Commands a second, of all clients together.
    #[arg(long, default_value_t = 100, value_name = "N")]
    rate: u64,
    /// Bytes of each command.
    #[arg(long, default_value_t = 512, value_name = "BYTES")]
    size: usize,
    /// For how long commands become due, such as 10s.
    #[arg(long, default_value = "10s", value_parser = parse_span, value_name = "TIME")]
    duration: Span,
    /// How many clients ask; the network must have keys for them.
    #[arg(long, default_value_t = 1, value_name = "N")]
    clients: usize,
    /// How many commands of a client go together under one signature at the most, gathered for 2 ms.
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch: usize,
    /// Send each request to this party first, and to all only when it is asked again.
    #[arg(long, value_name = "PARTY")]
    first: Option<u16>,
    /// When a request is given up.
    #[arg(long, default_value = "10s", value_parser = parse_span, value_name = "TIME")]
    timeout: Span,
    /// What tells this load from others in --json, such as "synced".
    #[arg(long, value_name = "TEXT", requires = "json")]
    label: Option<String>,
    /// Ask for gets too, and check that what clients saw is linearizable.
    #[arg(long)]
    check: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Puts load on a network.
pub(crate) fn load(args: &LoadArgs, output: &mut Output) -> Result<Status, Failure> {
    let network = network(&args.network)?;
    let usage = |message: String| Err(Failure::Usage(message));
    if args.rate == 0 || args.clients == 0 || args.batch == 0 {
        return usage("--rate, --clients and --batch: at least 1 is expected".to_owned());
    }
    if args.batch > list::MAX_ITEMS {
        let most = list::MAX_ITEMS;
        return usage(format!("--batch {}: at most {most} commands go together", args.batch));
    }
    let most = MAX_PAYLOAD - if args.batch == 1 { 0 } else { 1 + list::room(&[]) };
    if args.size > most {
        return usage(format!("--size {}: at most {most} bytes are taken", args.size));
    }
    if args.first.is_some_and(|first| usize::from(first) >= network.nodes.len()) {
        return usage(format!("--first: the network has parties 0 to {}", network.nodes.len() - 1));
    }
    let load = Load {
        rate: args.rate,
        size: args.size,
        duration: duration(args.duration),
        clients: args.clients,
        batch: args.batch,
        reach: args.first.map_or(Reach::All, |first| Reach::First(PartyId(first))),
        retry: RETRY,
        patience: duration(args.timeout),
        history: args.check,
    };
    let outcome = match runtime()?.block_on(put_load(&network, &load)) {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error, output),
    };
    let verdict = args.check.then(|| check(&operations(&outcome.history)));
    match args.json {
        true => output.line(&json(args, &network, &outcome, verdict.as_ref()))?,
        false => output.text(&text(&outcome, verdict.as_ref()))?,
    }
    Ok(status(&outcome, verdict.as_ref()))
}

fn operations(history: &[Seen]) -> Vec<Operation> {
    let operation = |seen: &Seen| {
        // A `get` that found no room among the results of its list tells nothing. (No value is `error`.)
        let told = |result: &String| seen.put.is_some() || result != "error";
        let returned = seen.returned.as_ref().filter(|(_, result)| told(result));
        let got = || returned.map(|(_, result)| result.clone()).unwrap_or_default();
        let returned = returned.map(|(at, _)| *at);
        let action = seen.put.clone().map_or_else(|| Action::Get(got()), Action::Put);
        Operation { key: seen.key.clone(), action, called: seen.called, returned }
    };
    history.iter().map(operation).collect()
}

fn status(outcome: &Outcome, verdict: Option<&Linearizable>) -> Status {
    match verdict {
        Some(Linearizable::No { .. }) => Status::Unexpected,
        Some(Linearizable::Unknown { .. }) => Status::Inconclusive,
        Some(Linearizable::Yes) | None if outcome.done == outcome.due => Status::Expected,
        Some(Linearizable::Yes) | None => Status::Inconclusive,
    }
}

fn per_second(outcome: &Outcome) -> f64 {
    outcome.done as f64 / outcome.elapsed.as_secs_f64().max(1e-9)
}

fn text(outcome: &Outcome, verdict: Option<&Linearizable>) -> String {
    let Outcome { due, done, given_up, unsent, requests, latency, .. } = outcome;
    let ms = |micros: u64| micros as f64 / 1000.0;
    let (p50, p99) = (ms(latency.value_at_quantile(0.5)), ms(latency.value_at_quantile(0.99)));
    let mut text =
        format!("{done} of {due} commands answered, {:.0} a second", per_second(outcome));
    text += &format!("; {given_up} given up, {unsent} not sent; {requests} requests\n");
    text +=
        &format!("latency  p50 {p50:.2} ms, p99 {p99:.2} ms, max {:.2} ms\n", ms(latency.max()));
    verdict.map_or(text.clone(), |verdict| format!("{text}history  {verdict}\n"))
}

fn json(
    args: &LoadArgs,
    network: &Network,
    outcome: &Outcome,
    verdict: Option<&Linearizable>,
) -> String {
    let latency = &outcome.latency;
    serde_json::json!({
        "schema": 1, "protocol": network.protocol, "n": network.nodes.len(), "f": network.f,
        "label": args.label, "rate": args.rate, "size": args.size, "clients": args.clients,
        "batch": args.batch, "requests": outcome.requests,
        "due": outcome.due, "done": outcome.done, "given_up": outcome.given_up,
        "unsent": outcome.unsent, "seconds": outcome.elapsed.as_secs_f64(),
        "per_second": per_second(outcome),
        "latency_us": {
            "p50": latency.value_at_quantile(0.5), "p99": latency.value_at_quantile(0.99),
            "max": latency.max(),
        },
        "linearizable": verdict.map(|verdict| match verdict {
            Linearizable::Yes => "yes",
            Linearizable::No { .. } => "no",
            Linearizable::Unknown { .. } => "unknown",
        }),
        "why": verdict.filter(|verdict| **verdict != Linearizable::Yes).map(ToString::to_string),
    })
    .to_string()
}
