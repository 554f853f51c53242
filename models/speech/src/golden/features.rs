//! Cepstra, filter banks, deltas and resamplers.

use std::path::Path;

use clips::golden::{Sheet, Tolerance};
use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};

use super::has;
use crate::vggish::front::{BANDS, PATCH_ROWS, REACT, STANDARD};
use crate::{FEATURE_RATE, centred, kaldi, mfcc, psf, resample, spectrum, wav2vec2};

const RESAMPLED: Tolerance = Tolerance::absolute(2e-5);
/// Kaldi's chain keeps its tables in `f32`.
const KALDI: Tolerance = Tolerance::absolute(5e-3);
const CEPSTRA: Tolerance = Tolerance::absolute(1e-3);
/// Share of a clip's loudest band by which a band power may be off: the reference's bank is in `f32`, and 3e-6 of a
/// pure tone leaks through a weight that is off by as much.
const LEAK: f64 = 1e-5;
/// Tables that the reference keeps in `f32`.
const TABLE: Tolerance = Tolerance::absolute(2e-5);

/// A clip `NAME.wav` with `NAME.safetensors`: every feature of it. What is called `_16k` starts from the stored
/// `wave16k`, so that a difference of resamplers never reaches a feature.
pub fn clip(file: &mut Tensors, _: &Control) -> Result<Option<Sheet>> {
    let sound = file.path().with_extension("wav");
    if !sound.exists() {
        return Ok(None);
    }
    let sound = crate::decode(&sound)?;
    let (native, rate) = (sound.mono(), sound.rate);
    let own = resample(&native, rate, FEATURE_RATE);
    let wide = resample(&native, rate, REACT.rate);
    let wave16k = if has(file, &["wave16k"]) { file.floats("wave16k")? } else { own.clone() };
    let wave24k = match file.shape("wave24k") {
        Some(_) => file.floats("wave24k")?,
        None => wide.clone(),
    };
    let mut sheet = Sheet::default();
    sheet.put("wave16k", &[own.len()], &own, RESAMPLED);
    sheet.put("wave24k", &[wide.len()], &wide, RESAMPLED);
    if let Some(&[head]) = file.shape("wave24k_head") {
        let head = head.min(wide.len());
        sheet.put("wave24k_head", &[head], &wide[..head], RESAMPLED);
    }
    sheet.put_rows("kaldi78_native", &kaldi::react78(&native, rate), KALDI);
    sheet.put_rows("kaldi78_16k", &kaldi::react78(&wave16k, FEATURE_RATE), KALDI);
    sheet.put_rows("kaldi_mfcc13_16k", &kaldi::mfcc13(&wave16k, FEATURE_RATE), KALDI);
    sheet.put_rows("kaldi_fbank40_16k", &kaldi::fbank40(&wave16k, FEATURE_RATE), KALDI);
    let power = mfcc::mel_power(&wave16k);
    let loudest = power.as_flattened().iter().fold(0.0f64, |most, band| most.max(*band));
    let leak = Tolerance::absolute(f64::max(1e-3, LEAK * loudest));
    sheet.put("mel40_power_16k", &[power.len(), mfcc::BANDS], power.as_flattened(), leak);
    sheet.put_rows("mfcc13_log_d_dd_16k", &mfcc::mfcc39_centred(&wave16k), CEPSTRA);
    sheet.put_rows("mfcc26_log_d_dd_16k", &mfcc::mfcc78_centred(&wave16k), CEPSTRA);
    sheet.put_rows("mfcc13_log_prefix_d_dd_16k", &mfcc::mfcc39(&wave16k), CEPSTRA);
    sheet.put_rows("mfcc13_db_d_dd_16k", &mfcc::mfcc_decibel::<13, 39>(&wave16k), CEPSTRA);
    sheet.put_rows("mfcc26_db_d_dd_16k", &mfcc::mfcc_decibel::<26, 78>(&wave16k), CEPSTRA);
    sheet.put_rows("mfcc13_center_16k", &centred::mfcc13(&wave16k), CEPSTRA);
    sheet.put_rows("mel40_slaney_center_16k", &centred::mel40_slaney(&wave16k), CEPSTRA);
    sheet.put_rows("psf78_native", &psf::psf78(&native, rate), CEPSTRA);
    sheet.put_rows("psf78_16k", &psf::psf78(&wave16k, FEATURE_RATE), CEPSTRA);
    sheet.put_rows("vggish_logmel_16k", &STANDARD.log_mel(&wave16k), CEPSTRA);
    let rows = REACT.rows(wave24k.len());
    sheet.put("vggish_react_n", &[2], &[(rows / PATCH_ROWS) as f64, rows as f64], Tolerance::EXACT);
    let heard = &wave24k[..wave24k.len().min(4 * REACT.hop * PATCH_ROWS)];
    let mut patches = REACT.log_mel(heard);
    patches.truncate(3 * PATCH_ROWS);
    sheet.put(
        "vggish_react_patches_24k_first3",
        &[patches.len() / PATCH_ROWS, PATCH_ROWS, BANDS],
        patches.as_flattened(),
        CEPSTRA,
    );
    let (mean, variance) = wav2vec2::mean_and_variance(&wave16k);
    sheet.put("w2v_mean_var", &[2], &[mean, variance], Tolerance::absolute(1e-6));
    let input = wav2vec2::normalised(&wave16k);
    let head = input.len().min(4000);
    sheet.put("w2v_input_16k_first4000", &[head], &input[..head], Tolerance::absolute(1e-4));
    Ok(Some(sheet))
}

/// A row of one column.
type Single = [f64; 1];

/// The delta operator alone: `X` in, `X_d3`, `X_d5`, `X_d9` and `X_dd5` (twice) out, for any X.
pub fn deltas(file: &mut Tensors, _: &Control) -> Result<Option<Sheet>> {
    const REACHES: [(&str, usize); 3] = [("_d3", 1), ("_d5", 2), ("_d9", 4)];
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    let bases: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("_d5")).collect();
    if bases.is_empty() || bases.iter().any(|base| file.shape(base).is_none_or(|shape| shape.len() != 2)) {
        return Ok(None);
    }
    let mut sheet = Sheet::default();
    for base in bases {
        let shape = file.shape(base).unwrap_or_default().to_vec();
        let values = file.doubles(base)?;
        sheet.input(base);
        let columns: Vec<Vec<Single>> = (0..shape[1])
            .map(|column| values.iter().skip(column).step_by(shape[1]).map(|x| [*x]).collect())
            .collect();
        let mut put = |suffix: &str, of: &dyn Fn(&[Single]) -> Vec<Single>| {
            let made: Vec<Vec<Single>> = columns.iter().map(|column| of(column)).collect();
            let values: Vec<f64> =
                (0..shape[0]).flat_map(|row| made.iter().map(move |column| column[row][0])).collect();
            sheet.put(&format!("{base}{suffix}"), &shape, &values, Tolerance::absolute(1e-5));
        };
        for (suffix, reach) in REACHES {
            put(suffix, &|column| mfcc::delta_over(column, reach));
        }
        put("_dd5", &|column| mfcc::centred_delta(&mfcc::centred_delta(column)));
    }
    Ok(Some(sheet))
}

/// Windows, filter banks and cosines.
pub fn stages(file: &mut Tensors, _: &Control) -> Result<Option<Sheet>> {
    if !has(file, &["hann640_periodic", "dct_40x26"]) {
        return Ok(None);
    }
    let mut sheet = Sheet::default();
    let mut by_bin = |name: &str, rows: Vec<Vec<f64>>| {
        let (outer, inner) = (rows.first().map_or(0, Vec::len), rows.len());
        let values: Vec<f64> = (0..outer).flat_map(|at| rows.iter().map(move |row| row[at])).collect();
        sheet.put(name, &[outer, inner], &values, TABLE);
    };
    by_bin("dct_40x13", spectrum::cosines(40, 13));
    by_bin("dct_40x26", spectrum::cosines(40, 26));
    by_bin("kaldi_dct_23x13", spectrum::cosines(23, 13));
    by_bin("fb_htk40_321x40", mfcc::triangles());
    by_bin("fb_slaney40_201x40", centred::slaney_triangles());
    by_bin("fb_vggish16k_257x64", STANDARD.triangles());
    by_bin("fb_vggish_react24k_513x64", REACT.triangles());
    let kaldi = kaldi::triangles(FEATURE_RATE, 23);
    sheet.put("kaldi_mel23_256", &[kaldi.len(), kaldi[0].len()], &kaldi.concat(), TABLE);
    sheet.put("hann640_periodic", &[640], &spectrum::hann(640), TABLE);
    sheet.put("povey400", &[400], &spectrum::povey(400), TABLE);
    let lifter: Vec<f64> = (0..13).map(spectrum::lifter).collect();
    sheet.put("kaldi_lifter13", &[13], &lifter, TABLE);
    Ok(Some(sheet))
}

/// The official per-frame features of whole-number samples, cut or padded with silence to a number of video frames.
pub fn official_78(file: &mut Tensors, _: &Control) -> Result<Option<Sheet>> {
    const INPUT: &str = "in.pcm_i16_as_i32";
    if !has(file, &[INPUT, "out.features"]) {
        return Ok(None);
    }
    let path = file.path().to_owned();
    let (rate, frames) = (number(file, &path, "sample_rate")?, number(file, &path, "n_frames")?);
    let mut samples: Vec<f32> = file.floats(INPUT)?.iter().map(|sample| sample / 32_768.0).collect();
    if frames > 1 << 20 || rate > 1 << 20 {
        return Err(Fault::new(FaultKind::OutOfRange, &path, format!("{frames} frames at {rate} Hz"))
            .at("metadata")
            .remedy("write the golden file again"));
    }
    samples.resize((rate / 25 * frames) as usize, 0.0);
    let mut sheet = Sheet::default();
    sheet.input(INPUT);
    // logarithms of small energies
    sheet.put_rows("out.features", &kaldi::react78(&samples, rate), Tolerance::absolute(2e-3));
    Ok(Some(sheet))
}

/// A whole number of a file's metadata.
fn number(file: &Tensors, path: &Path, key: &str) -> Result<u32> {
    file.metadata().get(key).and_then(|text| text.parse().ok()).ok_or_else(|| {
        Fault::new(FaultKind::Malformed, path, "the number is missing")
            .at(format!("metadata, {key}"))
            .remedy("write the golden file again")
    })
}
