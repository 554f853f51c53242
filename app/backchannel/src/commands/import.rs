//! `backchannel import`: official PyTorch checkpoints of the compared systems as checkpoints of ours.

use std::path::PathBuf;

use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A state dict (.pth), or a .safetensors export of one; for belfusion and learning2listen the files of both stages of
    /// training
    #[arg(value_name = "CHECKPOINT", required = true, num_args = 1..)]
    checkpoints: Vec<PathBuf>,
    /// trans-vae, belfusion, regnn or learning2listen
    #[arg(long)]
    system: String,
    /// Sizes and options; without it those of the official network that the tensors point to
    #[arg(long)]
    preset: Option<String>,
    /// File to write
    #[arg(long, value_name = "C.safetensors")]
    out: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let preset = args.preset.as_deref();
    let done =
        baselines::import::import(&args.checkpoints, &args.system, preset, &args.out, &output.control())?;
    let left_out = match done.left_out.as_slice() {
        [] => String::new(),
        names => format!("\nleft out, no network has a use for them: {}", names.join(", ")),
    };
    let text = format!(
        "{}: {} {}, {} tensors, {} numbers{left_out}",
        args.out.display(),
        done.system,
        done.preset,
        done.tensors,
        done.numbers
    );
    output.result(&done, text)
}
