//! Who may depend on whom: the rule of the README's section on how the code is laid out, held against the resolved
//! dependency graph.
//!
//! Two tables: which of our crates a crate may name, and which frameworks may lie below it at any depth. A crate
//! that is in neither is an error, so a new one has to take its place in the order.

use anyhow::{Result, bail};

use crate::graph::Graph;

/// A crate of ours, and those of ours that it may depend on.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("clips", &[]),
    ("speech", &["clips"]),
    ("tokens", &["clips"]),
    ("measures", &["clips"]),
    ("listener", &["clips", "speech", "tokens"]),
    ("training", &["clips", "listener", "measures", "speech", "tokens"]),
    ("baselines", &["clips", "listener", "speech", "training"]),
    ("accelerated", &["clips", "listener", "training"]),
    ("face", &[]),
    ("figures", &["clips"]),
    ("media", &["clips"]),
    ("study", &["clips", "figures", "listener", "measures", "speech", "tokens"]),
    ("runs", &["clips"]),
    (
        "studio",
        &[
            "clips", "face", "figures", "listener", "measures", "media", "runs", "speech", "study", "tokens",
            "training",
        ],
    ),
    (
        "backchannel",
        &[
            "accelerated",
            "baselines",
            "clips",
            "face",
            "figures",
            "listener",
            "measures",
            "media",
            "runs",
            "speech",
            "studio",
            "study",
            "tokens",
            "training",
        ],
    ),
    ("xtask", &[]),
];

/// A framework (a name, or a prefix that ends in `*`), who may name it, and who may stand on one who does.
struct Framework {
    name: &'static str,
    named_by: &'static [&'static str],
    below: &'static [&'static str],
}

const FRAMEWORKS: &[Framework] = &[
    // Matrix products, what networks are made of: measures, tokens, faces and media stay free of them.
    Framework {
        name: "gemm",
        named_by: &["listener", "training", "speech"],
        below: &[
            "accelerated",
            "baselines",
            "listener",
            "training",
            "speech",
            "study",
            "studio",
            "backchannel",
        ],
    },
    // Tensors with a tape: training on accelerators, injected by the program, and the compared systems; the window and
    // training itself stay free of it.
    Framework {
        name: "candle*",
        named_by: &["accelerated", "baselines"],
        below: &["accelerated", "baselines", "backchannel"],
    },
    // Pixels: networks know none. The studio's own glue reaches it through egui-wgpu.
    Framework { name: "wgpu*", named_by: &["face", "studio"], below: &["face", "studio", "backchannel"] },
    Framework { name: "naga*", named_by: &["face"], below: &["face", "studio", "backchannel"] },
    // The window: the studio only; the program is a thin shell around it.
    Framework { name: "egui*", named_by: &["studio"], below: &["studio", "backchannel"] },
    Framework { name: "eframe", named_by: &["studio"], below: &["studio", "backchannel"] },
    Framework { name: "winit", named_by: &[], below: &["studio", "backchannel"] },
    Framework { name: "rfd", named_by: &["studio"], below: &["studio", "backchannel"] },
    // The sound device.
    Framework { name: "rodio", named_by: &["media"], below: &["media", "studio", "backchannel"] },
    Framework { name: "cpal", named_by: &[], below: &["media", "studio", "backchannel"] },
    // The command line.
    Framework { name: "clap*", named_by: &["backchannel"], below: &["backchannel"] },
];

impl Framework {
    fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == self.name,
        }
    }
}

/// Checks the repository.
pub fn check() -> Result<()> {
    let graph = Graph::read()?;
    let wrong = violations(&graph);
    if !wrong.is_empty() {
        bail!("forbidden dependencies:\n  {}", wrong.join("\n  "));
    }
    println!(
        "layers: {} crates of ours, {} in all, no forbidden dependency",
        graph.members.len(),
        graph.edges.len()
    );
    Ok(())
}

/// Everything that breaks the rule, as sentences.
fn violations(graph: &Graph) -> Vec<String> {
    let mut wrong = Vec::new();
    for member in &graph.members {
        let Some((_, may_name)) = MAY_NAME.iter().find(|(name, _)| name == member) else {
            wrong.push(format!("{member} has no place in the order: give it one in xtask/src/layers.rs"));
            continue;
        };
        let built_from = graph.edges.get(member).into_iter().flatten();
        let tested_with = graph.test_edges.get(member).into_iter().flatten();
        for named in built_from.chain(tested_with) {
            if graph.members.contains(named) && !may_name.contains(&named.as_str()) {
                wrong.push(format!("{member} must not know {named}"));
            }
            for framework in FRAMEWORKS.iter().filter(|framework| framework.is(named)) {
                if !framework.named_by.contains(&member.as_str()) {
                    wrong.push(format!(
                        "{member} must not name {named}; only {} may",
                        list(framework.named_by)
                    ));
                }
            }
        }
        for framework in FRAMEWORKS.iter().filter(|framework| !framework.below.contains(&member.as_str())) {
            if let Some(chain) = graph.chain(member, |name| framework.is(name)) {
                wrong.push(format!("{} must not lie below {member}: {}", framework.name, chain.join(" -> ")));
            }
        }
    }
    for (name, _) in MAY_NAME.iter().filter(|(name, _)| !graph.members.contains(*name)) {
        wrong.push(format!("{name} is in the order and not in the workspace"));
    }
    wrong
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "other frameworks".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(edges: &[(&str, &[&str])]) -> Graph {
        let mut graph = Graph::default();
        for (name, may_name) in MAY_NAME {
            graph.members.insert((*name).into());
            graph.edges.insert((*name).into(), may_name.iter().map(|name| (*name).into()).collect());
        }
        for (from, to) in edges {
            graph.edges.entry((*from).into()).or_default().extend(to.iter().map(|name| (*name).into()));
        }
        graph
    }

    #[test]
    fn the_workspace_keeps_the_rule() {
        check().unwrap();
        // The rule would hold in an empty graph too: what must be found is found.
        let graph = Graph::read().unwrap();
        for framework in FRAMEWORKS {
            let chain = graph.chain("backchannel", |name| framework.is(name));
            assert!(chain.is_some(), "{} is nowhere below the program", framework.name);
        }
    }

    #[test]
    fn a_made_up_graph_within_the_rule_passes() {
        let graph = made_up(&[
            ("listener", &["gemm"]),
            ("face", &["wgpu"]),
            ("studio", &["eframe", "rfd", "egui-wgpu"]),
            ("eframe", &["winit", "wgpu"]),
            ("media", &["rodio"]),
            ("rodio", &["cpal"]),
        ]);
        assert_eq!(violations(&graph), Vec::<String>::new());
    }

    #[test]
    fn each_forbidden_edge_of_a_made_up_graph_is_found() {
        let cases: &[(&str, &str, &str)] = &[
            ("clips", "face", "clips must not know face"),
            ("listener", "studio", "listener must not know studio"),
            ("measures", "listener", "measures must not know listener"),
            ("face", "clips", "face must not know clips"),
            ("measures", "gemm", "measures must not name gemm"),
            ("training", "wgpu", "training must not name wgpu"),
            ("training", "candle-core", "training must not name candle-core; only accelerated"),
            ("listener", "candle-core", "listener must not name candle-core"),
            ("training", "accelerated", "training must not know accelerated"),
            ("studio", "accelerated", "studio must not know accelerated"),
            ("media", "egui", "media must not name egui"),
            ("studio", "rodio", "studio must not name rodio"),
            ("backchannel", "eframe", "backchannel must not name eframe"),
        ];
        for (from, to, sentence) in cases {
            let wrong = violations(&made_up(&[(from, &[to])]));
            assert!(wrong.iter().any(|line| line.starts_with(sentence)), "{from} -> {to}: {wrong:?}");
        }
    }

    #[test]
    fn a_framework_far_below_is_found_with_its_chain() {
        let graph = made_up(&[
            ("tokens", &["plots"]),
            ("plots", &["windows-of-plots"]),
            ("windows-of-plots", &["winit"]),
        ]);
        let wrong = violations(&graph);
        assert!(
            wrong.contains(
                &"winit must not lie below tokens: tokens -> plots -> windows-of-plots -> winit".into()
            ),
            "{wrong:?}"
        );
    }

    #[test]
    fn what_only_tests_use_counts_too_and_a_crate_without_a_place_is_an_error() {
        let mut graph = made_up(&[]);
        graph.test_edges.entry("clips".into()).or_default().insert("studio".into());
        graph.members.insert("surprise".into());
        graph.members.remove("tokens");
        let wrong = violations(&graph).join("\n");
        assert!(wrong.contains("clips must not know studio"), "{wrong}");
        assert!(wrong.contains("surprise has no place in the order"), "{wrong}");
        assert!(wrong.contains("tokens is in the order and not in the workspace"), "{wrong}");
    }
}
