//! The checkpoints that ship with the program: they load, answer, are small, and have a card.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use clips::{Control, Track};
use listener::Request;

#[test]
fn every_shipped_checkpoint_answers_and_differs_between_samples() {
    baselines::answer::register();
    let names: Vec<&str> = listener::shipped_names().into_iter().skip(2).collect();
    assert_eq!(
        names,
        [
            "demo-belfusion",
            "demo-belfusion-online",
            "demo-learning2listen",
            "demo-regnn",
            "demo-trans-vae",
            "demo-trans-vae-online"
        ]
    );
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../checkpoints");
    let card = std::fs::read_to_string(root.join("compared-demo.md")).unwrap();
    let clip = &speech::demo::clips()[0];
    for name in names {
        let system = listener::shipped(name).unwrap().unwrap();
        let own = name.strip_prefix("demo-").unwrap();
        let file = format!("{own}-demo.safetensors");
        assert_eq!(own.trim_end_matches("-online"), system.name());
        assert!(card.contains(&file) && card.contains(&format!("--system {}", system.name())), "{file}");
        assert!(std::fs::metadata(root.join(&file)).unwrap().len() < 2_500_000, "{file}");
        // the same from memory as from the file
        let again = baselines::load(&root.join(&file)).unwrap();
        assert_eq!(system.checkpoint(), again.checkpoint());

        let mut chance = clips::Chance::new(1, "face", &[]);
        let mut speaker = clip.streams().unwrap();
        speaker.cut(100);
        let face = (0..speaker.frames()).map(|_| std::array::from_fn(|_| chance.uniform() as f32));
        speaker.attributes = Some(face.collect());
        let request = Request { samples: 2, ..Request::default() };
        let takes = system.generate("clip", &speaker, &request, &Control::default()).unwrap();
        assert_eq!(takes.len(), 2);
        let least = takes[0].attributes.iter().flatten().copied().fold(f32::INFINITY, f32::min);
        let most = takes[0].attributes.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!(most - least > 0.3, "{name} says the same of everything: {least} to {most}");
        assert_ne!(takes[0].attributes, takes[1].attributes, "{name}");
        assert_eq!(system.answers_online(), name == "demo-learning2listen" || name.ends_with("-online"));
        let online = Request { track: Track::Online, ..request };
        let online = system.generate("clip", &speaker, &online, &Control::default());
        assert_eq!(online.is_ok(), system.answers_online());
    }
    assert!(listener::shipped("demo-none").is_none());
}
