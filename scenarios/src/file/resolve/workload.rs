//! What is to be decided, and whom requests reach.

use byzlab_protocols::{Span, Task};

use super::Resolver;
use crate::{
    Demand, Reach, Workload,
    file::node::{Raw, Table},
};

impl Resolver<'_> {
    pub(super) fn workload(&mut self) -> Workload {
        let root = self.table;
        let table = root.table("workload").expect("`workload` has a default");
        let demand = self.demand(table);
        let to = self.reach(table);
        Workload { demand, to }
    }

    fn demand(&mut self, table: &Table) -> Demand {
        let about = self.entry.about();
        let given: Vec<_> =
            ["commands", "inputs", "clients"].into_iter().filter(|key| table.gives(key)).collect();
        if let [first, second, ..] = given[..] {
            let place = table.place_of(second);
            let problem =
                self.problem(&place, "workload", format!("both `{first}` and `{second}`"));
            problem.expected = "one of commands, inputs, clients".to_owned();
        }
        let refused = match about.task {
            Task::Order => "inputs",
            Task::Broadcast => "clients",
        };
        if table.gives(refused) {
            let place = table.place_of(refused);
            let what = match about.task {
                Task::Order => "orders requests: use `commands` or `clients`",
                Task::Broadcast => "broadcasts: use `inputs` or `commands`",
            };
            let message = format!("`workload.{refused}` means nothing: {} {what}", about.name);
            self.problem(&place, "workload", message);
        }
        if table.gives("inputs") {
            let texts = table.list("inputs").iter().filter_map(|node| match &node.raw {
                Raw::Text(text) => Some(text.clone()),
                _ => None,
            });
            let inputs: Vec<_> = texts.collect();
            if inputs.is_empty() {
                let place = table.place_of("inputs");
                self.problem(&place, "workload.inputs", "no inputs".to_owned());
            }
            return Demand::Inputs(inputs);
        }
        match table.table("clients") {
            Some(clients) => Demand::Clients {
                count: clients.integer("count").unwrap_or(1),
                rate: clients.integer("rate").unwrap_or(10),
                requests: clients.integer("requests").unwrap_or(20),
            },
            None => Demand::Commands(table.integer("commands").unwrap_or(20)),
        }
    }

    fn reach(&mut self, table: &Table) -> Reach {
        let delta = self.table.table("network").and_then(|network| network.span("delta"));
        let patience = delta.unwrap_or(Span::millis(100)) * 20;
        let retry = table.span("retry");
        match table.get("to").map(|node| &node.raw) {
            Some(Raw::Text(word)) if word == "leader" => {
                let leader = self.leaders.leader(byzlab_protocols::View(1), self.n);
                Reach::Some(vec![leader], Some(retry.unwrap_or(patience)))
            }
            Some(Raw::Parties(list)) => Reach::Some(self.parties(list, "workload.to"), retry),
            _ => {
                if table.gives("retry") {
                    let place = table.place_of("retry");
                    let message = "`retry` means nothing when requests go to all".to_owned();
                    self.problem(&place, "workload.retry", message);
                }
                Reach::All
            }
        }
    }
}
