//! What showing a video costs here: `cargo run --release -p media --example video -- FILE.mp4 or FOLDER`; without a
//! name it writes clips for itself.

use media::VideoSource;
use media::video::measure;

fn main() -> clips::Result<()> {
    let home = std::env::temp_dir().join(format!("media-video-{}", std::process::id()));
    let sources = match std::env::args_os().nth(1).map(std::path::PathBuf::from) {
        Some(path) if path.is_dir() => vec![Ok(VideoSource::Frames(path))],
        Some(path) => vec![Ok(VideoSource::Mp4(path))],
        None => {
            std::fs::create_dir_all(&home).map_err(|error| clips::Fault::write(&home, &error))?;
            vec![measure::write_clip(&home.join("clip.mp4")), measure::write_clip(&home.join("clip"))]
        }
    };
    for source in sources {
        match source.and_then(|source| measure::cost(&source).map(|cost| (source, cost))) {
            Ok((source, cost)) => eprintln!("{}\n  {cost:?}", source.path().display()),
            Err(fault) => eprintln!("{fault}"),
        }
    }
    std::fs::remove_dir_all(&home).ok();
    Ok(())
}
