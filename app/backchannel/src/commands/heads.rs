//! `backchannel heads`: what a head file of another program holds, and whether faces can be drawn with it.

use std::path::PathBuf;

use super::of_head;
use crate::output::Output;

/// Reads FaceVerse 2 and 3 (.npy, without running the pickle in it), an ICT-FaceKit folder, glTF, GLB and VRM with
/// morph targets under ARKit's names, and head files of our own. Up to 200,000 vertices and 400,000 triangles.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A head: FaceVerse .npy, .glb, .gltf, .vrm, .safetensors, or the folder of an ICT-FaceKit checkout
    #[arg(value_name = "FILE or DIR")]
    head: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Prints what was found; true when the head is refused.
pub fn run(args: &Args, output: &Output) -> clips::Result<bool> {
    let (report, refusal) = face::heads::inspect(&args.head);
    let fault = refusal.as_ref().map(of_head);
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{name:<10} {value}\n"));
        }
    };
    line("head", args.head.display().to_string());
    line("format", report.format.clone());
    line("credit", report.credit.clone());
    if report.vertices > 0 {
        line("drawn", format!("{} vertices, {} triangles", report.vertices, report.triangles));
        let parts: Vec<String> = report.parts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        line("parts", parts.join(", "));
    }
    if report.unit_cm > 0.0 {
        line("unit", format!("{:.3} cm, as fitted", report.unit_cm));
    }
    let counted = !report.format.is_empty() && report.found.len() + report.missing.len() > 0;
    line(
        "shapes",
        if counted { format!("{} of {}", report.found.len(), face::SHAPES) } else { String::new() },
    );
    line("missing", report.missing.join(", "));
    line("ignored", report.ignored.join(", "));
    report.notes.iter().for_each(|note| line("note", note.clone()));
    line("result", fault.as_ref().map_or("can be drawn".into(), |fault| format!("refused: {fault}")));
    let value = serde_json::json!({
        "head": args.head, "accepted": fault.is_none(), "refusal": fault, "report": report,
    });
    output.result(&value, text)?;
    Ok(fault.is_some())
}
