//! One line of `metrics.jsonl`, flattened to named numbers.
//!
//! Names: `loss/total`, `clg/3DMM`, `rm/right`, `watch/usage`, `posterior/1`, `validation/FRCorr`, `norm`, `rate`. What this
//! program does not know is kept under its own name, so that a newer writer loses nothing.

use serde_json::Value;

/// Streams of the listener in the order of the line's `streams`.
pub const STREAMS: [&str; 4] = ["3DMM", "AU", "VA", "expression"];
/// What only a stage with a latent can measure.
const OF_LATENT: [&str; 6] =
    ["loss/rm", "loss/bow", "loss/usage", "watch/usage", "watch/entropy", "watch/z_gap"];
/// Most numbers of one line.
const MOST_VALUES: usize = 192;
/// Longest name of a number.
const LONGEST_NAME: usize = 64;

/// What was measured in one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Stage, from 1.
    pub stage: u64,
    /// Step of the stage.
    pub step: u64,
    /// Steps of the whole stage.
    pub steps: Option<u64>,
    /// Passes over the data.
    pub epoch: Option<f64>,
    /// Seconds of training so far.
    pub seconds: Option<f64>,
    /// Named numbers.
    pub values: Vec<(String, f64)>,
    /// Why the step was skipped.
    pub skipped: Option<String>,
    /// Something to worry about.
    pub warning: Option<String>,
    /// File name of the checkpoint saved after this step.
    pub checkpoint: Option<String>,
}

impl Record {
    /// Reads a line; `None` for one that is no step of a run.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(line) else { return None };
        let whole = |key: &str| object.get(key).and_then(Value::as_u64);
        let number = |key: &str| object.get(key).and_then(Value::as_f64).filter(|value| value.is_finite());
        let words = |key: &str| {
            let text = object.get(key)?.as_str()?;
            Some(text.chars().take(400).collect::<String>()).filter(|text| !text.is_empty())
        };
        let mut record = Self {
            stage: whole("stage").unwrap_or(1).clamp(1, 99),
            step: whole("step")?,
            steps: whole("steps"),
            epoch: number("epoch"),
            seconds: number("seconds"),
            skipped: words("skipped"),
            warning: words("warning"),
            checkpoint: words("checkpoint"),
            values: Vec::new(),
        };
        for (key, value) in &object {
            match (key.as_str(), value) {
                ("stage" | "step" | "steps" | "epoch" | "seconds", _) => {}
                ("losses", Value::Object(losses)) => record.all("loss", losses),
                ("watch", Value::Object(watch)) => {
                    record.all("watch", watch);
                    if let Some(posterior) = watch.get("posterior").and_then(Value::as_array) {
                        for (index, share) in posterior.iter().take(64).enumerate() {
                            record.add(format!("posterior/{}", index + 1), share);
                        }
                    }
                }
                ("streams", Value::Array(streams)) => {
                    for (name, value) in STREAMS.iter().zip(streams) {
                        record.add(format!("clg/{name}"), value);
                    }
                }
                ("rm_right", value) => record.add("rm/right".to_owned(), value),
                (group, Value::Object(members)) => record.all(group, members),
                (name, value) => record.add(name.to_owned(), value),
            }
        }
        Some(record)
    }

    fn all(&mut self, group: &str, members: &serde_json::Map<String, Value>) {
        for (name, value) in members {
            self.add(format!("{group}/{name}"), value);
        }
    }

    fn add(&mut self, name: String, value: &Value) {
        let room = self.values.len() < MOST_VALUES && name.len() <= LONGEST_NAME;
        // A stage without a latent says 0 of what it has not: that is no measurement.
        let absent = self.stage == 1 && OF_LATENT.contains(&name.as_str()) && value.as_f64() == Some(0.0);
        if let Some(value) = value.as_f64().filter(|value| value.is_finite() && room && !absent) {
            self.values.push((name, value));
        }
    }

    /// A number by its name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_flattened_and_unknown_numbers_are_kept() {
        let line = br#"{"stage":2,"step":7,"steps":1200,"epoch":1.5,"track":"offline","losses":{"clg":1.5,"total":2.0},
            "streams":[0.5,0.25,0.125,0.0625],"norm":3.0,"rate":0.001,"seconds":12.5,"rm_right":0.75,"swift":9,
            "watch":{"usage":6.5,"posterior":[0.25,0.75]},"validation":{"FRCorr":0.5,"clips":16},"warning":"odd"}"#;
        let record = Record::parse(line).unwrap();
        assert_eq!((record.stage, record.step, record.steps), (2, 7, Some(1200)));
        assert_eq!((record.epoch, record.seconds), (Some(1.5), Some(12.5)));
        for (name, value) in [
            ("loss/total", 2.0),
            ("clg/3DMM", 0.5),
            ("clg/expression", 0.0625),
            ("rm/right", 0.75),
            ("watch/usage", 6.5),
            ("posterior/2", 0.75),
            ("validation/FRCorr", 0.5),
            ("norm", 3.0),
            ("swift", 9.0),
        ] {
            assert_eq!(record.value(name), Some(value), "{name}");
        }
        assert_eq!(record.warning.as_deref(), Some("odd"));
    }

    #[test]
    fn what_a_stage_has_not_is_no_measurement() {
        let line = br#"{"stage":1,"step":1,"losses":{"total":0,"rm":0.0},"watch":{"usage":0,"clg":2}}"#;
        let record = Record::parse(line).unwrap();
        assert_eq!((record.value("loss/rm"), record.value("watch/usage")), (None, None));
        assert_eq!((record.value("loss/total"), record.value("watch/clg")), (Some(0.0), Some(2.0)));
        let line = br#"{"stage":2,"step":1,"losses":{"rm":0.0}}"#;
        assert_eq!(Record::parse(line).unwrap().value("loss/rm"), Some(0.0));
    }

    #[test]
    fn what_is_no_step_is_no_record_and_hostile_lines_stay_small() {
        for line in [&b"nonsense"[..], b"[1,2]", b"{}", b"{\"step\":-1}", b"{\"step\":1", b"\xff\xfe", b""] {
            assert_eq!(Record::parse(line), None, "{line:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(Record::parse(deep.as_bytes()), None);
        let many: String = (0..5_000).map(|index| format!(",\"k{index}\":{index}")).collect();
        let record = Record::parse(format!("{{\"step\":1{many}}}").as_bytes()).unwrap();
        assert_eq!(record.values.len(), MOST_VALUES);
    }
}
