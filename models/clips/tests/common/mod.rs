//! Small trees in the shipped layout, made by hand.
#![allow(dead_code, reason = "each test file uses some of them")]

use std::path::Path;

use clips::array::write_npy;

pub fn put(root: &Path, place: &str, text: &str) {
    let path = root.join(place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub fn emotion(frames: usize) -> String {
    let row = "0,".repeat(15) + "0.1,-0.1," + &"0.125,".repeat(7) + "0.125\n";
    "any,header\n".to_owned() + &row.repeat(frames)
}

pub fn coefficients(root: &Path, place: &str, shape: &[usize]) {
    let path = root.join(place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_npy(&path, shape, &vec![0.25; shape.iter().product()]).unwrap();
}

/// One NoXI pair as it is shipped: 751 frames of coefficients, 750 of labels in folders P1 and P2, junk beside them.
pub fn shipped(root: &Path) {
    for (person, label) in [("Expert_video", "P1"), ("Novice_video", "P2")] {
        put(root, &format!("val/Emotion/NoXI/010/{label}/1.csv"), &emotion(750));
        put(root, &format!("val/Emotion/NoXI/010/{label}/._1.csv"), "junk");
        coefficients(root, &format!("val/3D_FV_files/NoXI/010/{person}/1.npy"), &[751, 1, 58]);
    }
    put(root, "val/Audio_files/NoXI/010/Expert_video/1.wav", "not read when opening");
    put(root, "val.csv", ",speaker_path,listener_path\n7,NoXI/010/Expert_video/1,NoXI/010/Novice_video/1");
}
