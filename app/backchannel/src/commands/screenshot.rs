//! `backchannel screenshot`: the studio itself, drawn headless into a picture; no display is needed.

use std::path::PathBuf;

use super::bad_request;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scene to draw; `list` names them all
    scene: String,
    /// Picture to write
    #[arg(long, value_name = "FILE.png", default_value = "screenshot.png")]
    out: PathBuf,
    /// Size in pixels
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    size: String,
    /// dark or light
    #[arg(long, default_value = "dark")]
    theme: String,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let scenes = studio::scenes::list();
    if args.scene == "list" {
        return output.result(&serde_json::json!({ "scenes": scenes }), scenes.join("\n"));
    }
    if !scenes.iter().any(|scene| *scene == args.scene) {
        return Err(bad_request(
            format!("there is no scene {}", args.scene),
            format!("choose from: {}", scenes.join(", ")),
        ));
    }
    let [width, height] = parse_size(&args.size)?;
    let theme = match args.theme.as_str() {
        "dark" => studio::Theme::Dark,
        "light" => studio::Theme::Light,
        other => return Err(bad_request(format!("--theme {other} is not a theme"), "say dark or light")),
    };
    studio::scenes::screenshot(&args.scene, [width, height], theme, &args.out)?;
    output.result(
        &serde_json::json!({ "scene": args.scene, "out": args.out, "width": width, "height": height }),
        format!("{} -> {}", args.scene, args.out.display()),
    )
}

/// `1280x800` as [1280, 800]; each side 16 to 8192.
pub fn parse_size(text: &str) -> clips::Result<[u32; 2]> {
    let sides: Vec<Option<u32>> = text.split('x').map(|side| side.parse().ok()).collect();
    match sides.as_slice() {
        [Some(width), Some(height)] if (16..=8192).contains(width) && (16..=8192).contains(height) => {
            Ok([*width, *height])
        }
        _ => Err(bad_request(format!("--size {text} is not a size"), "say WIDTHxHEIGHT, each 16 to 8192")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_are_read_and_bounded() {
        assert_eq!(parse_size("1280x800").unwrap(), [1280, 800]);
        for wrong in ["1280", "0x10", "99999x10", "ax b", "1x2x3", ""] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
